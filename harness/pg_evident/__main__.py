"""Run the command line as `python -m pg_evident`."""

from pg_evident.cli.main import main

if __name__ == "__main__":
    main()
