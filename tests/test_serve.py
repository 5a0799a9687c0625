"""The command `python -m utils.serve`; the server itself is tested in tests/serving."""

import subprocess
import sys

from utils.files import ROOT


def test_the_command_says_what_to_do_where_there_is_no_adapter(tmp_path):
    command = [sys.executable, "-m", "utils.serve", "--adapter", str(tmp_path / "adapter")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert "there is no adapter at" in done.stderr and "run notebook 03" in done.stderr
