"""The demonstration: real purchases, weeks that are lived in minutes, and the events planted into them."""

from perennial.demo.running import run_demo

__all__ = ["run_demo"]
