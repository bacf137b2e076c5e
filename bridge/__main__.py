"""`python -m bridge` and the `videoconsulta` command."""

from bridge.cli.commands import main

if __name__ == "__main__":
    main()
