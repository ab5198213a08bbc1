#!/bin/sh
# quietly.sh LOG TITLE COMMAND...: runs COMMAND with its output in LOG and one line of progress on stderr.
# When it fails, shows the end of LOG and exits with COMMAND's code.
set -u
log=$1 title=$2
shift 2
mkdir -p "$(dirname "$log")"

"$@" >"$log" 2>&1 &
child=$!
trap 'kill "$child" 2>/dev/null; exit 130' INT TERM

started=$(date +%s)
[ -t 2 ] || printf '%s ...\n' "$title" >&2
while kill -0 "$child" 2>/dev/null; do
    sleep 1
    elapsed=$(($(date +%s) - started))
    if [ -t 2 ]; then
        latest=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c 1-60)
        printf '\r\033[K%s (%s s)  %s' "$title" "$elapsed" "$latest" >&2
    elif [ $((elapsed % 30)) -eq 0 ] && [ "$elapsed" -gt 0 ]; then
        printf '%s (%s s)\n' "$title" "$elapsed" >&2
    fi
done
wait "$child"
code=$?

[ -t 2 ] && printf '\r\033[K' >&2
if [ "$code" -ne 0 ]; then
    printf '%s: failed after %s s; the end of %s:\n' "$title" "$(($(date +%s) - started))" "$log" >&2
    tail -n 30 "$log" >&2
    exit "$code"
fi
printf '%s: done in %s s\n' "$title" "$(($(date +%s) - started))" >&2
