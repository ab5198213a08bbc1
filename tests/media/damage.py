"""Breaking one packet of a clip, in the ways that disks, transfers and careless tools do."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import av

type Damage = Callable[[bytearray, random.Random], None]


def _zeroed(packet: bytearray, _: random.Random) -> None:
    packet[:] = bytes(len(packet))


def _random(packet: bytearray, dice: random.Random) -> None:
    packet[:] = dice.randbytes(len(packet))


def _body_random(packet: bytearray, dice: random.Random) -> None:
    """The first eight bytes stay: the length and the header of the first unit of H.264 in MP4."""
    packet[8:] = dice.randbytes(max(0, len(packet) - 8))


def _half_gone(packet: bytearray, _: random.Random) -> None:
    packet[len(packet) // 2 :] = bytes(len(packet) - len(packet) // 2)


def _flipped(packet: bytearray, dice: random.Random) -> None:
    for _ in range(3):
        packet[dice.randrange(min(12, len(packet) - 1), len(packet))] ^= 1 << dice.randrange(8)


# Destroys a packet, so that no decoder can take it for whole.
GROSS: dict[str, Damage] = {"zeroed": _zeroed, "random": _random, "half gone": _half_gone}
# May leave something that still decodes.
SUBTLE: dict[str, Damage] = {"body random": _body_random, "flipped": _flipped}
ALL = GROSS | SUBTLE


def packet_times(path: Path) -> list[int]:
    """The pts of every packet, in decode order."""
    with av.open(str(path)) as container:
        return [p.pts for p in container.demux(container.streams.video[0]) if p.size and p.pts is not None]


def break_packet(path: Path, pts: int, damage: Damage, broken: Path) -> Path:
    """A copy of `path` at `broken`, the packet of the frame at `pts` damaged."""
    return break_packets(path, {pts: damage}, broken)


def break_packets(path: Path, damages: Mapping[int, Damage], broken: Path) -> Path:
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts in damages and packet.size:
                assert packet.pos is not None
                place = slice(packet.pos, packet.pos + packet.size)
                body = data[place]
                damages[packet.pts](body, random.Random(packet.pts))
                data[place] = body
    broken.write_bytes(data)
    return broken
