"""Starts LocalStack as `python -m localstack.runtime.main` does, tied to its starter by lifeline.py."""

import runpy
import sys

import lifeline

lifeline.hold(sys.argv)
runpy.run_module("localstack.runtime.main", run_name="__main__")
