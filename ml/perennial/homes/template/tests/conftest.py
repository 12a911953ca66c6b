"""The rules that every model of a home keeps come with perennial."""

pytest_plugins = ["perennial.homes.testing"]
