"""Run the verifier with `python -m`."""

from .main import main

if __name__ == "__main__":
    raise SystemExit(main())
