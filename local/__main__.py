"""The local stack's command line: python -m local up. One module per command."""

import argparse
import sys

from local import demo, up

COMMANDS = (up, demo)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="Atelier's local stack, in place of Azure.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add_parser(commands)
    chosen = parser.parse_args(arguments)
    return chosen.run(chosen)


if __name__ == "__main__":
    sys.exit(main())
