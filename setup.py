"""All metadata live in setup.cfg."""

from setuptools import setup

setup()
