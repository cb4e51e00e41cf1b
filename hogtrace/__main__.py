"""`python -m hogtrace`: the `hogtrace` command, where the script is not on the path."""

from hogtrace.cli import main

main()
