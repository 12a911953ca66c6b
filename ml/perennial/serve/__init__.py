"""The champion over HTTP: scores of rows that a caller sends, and the newest published score of an entity.

Reads in this order: `options` what a server is told, `versions` a loaded version that answers, `champions` who they are and how
one takes over from another, `choosing` which version answers a request, `requests` a request's body, `answers` what goes back,
`application` the routes, `running` the processes. FastAPI and uvicorn are imported in the last three of them only.

It stands on the predictor and reads as role analyst: no stage, no frame, and MLflow only for files that are not kept here.
"""

from perennial.serve.options import ServeOptions
from perennial.serve.tokens import Token, TokenFile

__all__ = ["ServeOptions", "Token", "TokenFile"]
