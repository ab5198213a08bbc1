"""Which H.264 packets decoding can really start at.

Containers also flag as keyframes those I-frames that are not IDR. A decoder that starts there is only exact if the
stream says so: a recovery point SEI with `recovery_frame_cnt` 0 (open GOP gave 0, intra refresh 38).
"""

from collections.abc import Iterator

_IDR_SLICE, _SEI = 5, 6
_SLICES = range(1, 6)
_RECOVERY_POINT = 6


def is_seek_point(packet: bytes, extradata: bytes | None) -> bool:
    """Whether decoding can start at the H.264 keyframe `packet`; `extradata` tells its framing (avcC or Annex B)."""
    exact = False
    for nal in _nal_units(packet, extradata):
        kind = nal[0] & 0x1F
        if kind == _IDR_SLICE:
            return True
        if kind == _SEI and _recovery_frame_count(nal[1:]) == 0:
            exact = True
        if kind in _SLICES:
            return exact
    return False


def is_unreferenced(packet: bytes, extradata: bytes | None) -> bool:
    """Whether no other frame refers to that of the H.264 `packet`: every slice says `nal_ref_idc` 0.

    False where that is not certain: the packet's units do not fill it exactly (they have lengths in avcC only), so
    that it may be damaged where it says so.
    """
    if not extradata or extradata[0] != 1:
        return False
    size = (extradata[4] & 3) + 1
    headers: list[int] = []
    position = 0
    while position + size < len(packet):
        headers.append(packet[position + size])
        position += size + int.from_bytes(packet[position : position + size], "big")
    slices = [header for header in headers if header & 0x1F in _SLICES]
    return position == len(packet) and bool(slices) and not any(header & 0xE0 for header in slices)


def _nal_units(packet: bytes, extradata: bytes | None) -> Iterator[bytes]:
    if extradata and extradata[0] == 1:  # avcC: each unit is preceded by its length
        return _length_prefixed(packet, (extradata[4] & 3) + 1)
    return _start_codes(packet)


def _length_prefixed(packet: bytes, length_size: int) -> Iterator[bytes]:
    position = 0
    while position + length_size < len(packet):
        length = int.from_bytes(packet[position : position + length_size], "big")
        position += length_size
        if length:
            yield packet[position : position + length]
        position += length


def _start_codes(packet: bytes) -> Iterator[bytes]:
    begin = packet.find(b"\0\0\1")
    while begin >= 0:
        end = packet.find(b"\0\0\1", begin + 3)
        unit = packet[begin + 3 : end if end >= 0 else len(packet)]
        if unit:
            yield unit
        begin = end


def _recovery_frame_count(payload: bytes) -> int | None:
    """The count in a recovery point message of this SEI payload; None if there is no such message."""
    data = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention
    position = 0
    while position + 2 < len(data):
        kind, position = _sei_number(data, position)
        size, position = _sei_number(data, position)
        if kind == _RECOVERY_POINT:
            return _exp_golomb(data[position : position + size])
        position += size
    return None


def _sei_number(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    while position < len(data) and data[position] == 0xFF:
        value += 255
        position += 1
    return value + (data[position] if position < len(data) else 0), position + 1


def _exp_golomb(data: bytes) -> int | None:
    bits = "".join(f"{byte:08b}" for byte in data)
    zeros = len(bits) - len(bits.lstrip("0"))
    code = bits[zeros : 2 * zeros + 1]
    return int(code, 2) - 1 if len(code) == zeros + 1 else None
