"""`python -m lms` is the `lms` command."""

import gc

gc.set_threshold(50_000)  # `lms.app.settle` ends it: collections during the imports cost a fifth of a start

from lms.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
