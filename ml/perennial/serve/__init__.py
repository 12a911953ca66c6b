"""The champion over HTTP: scores of rows that a caller sends, and the newest published score of an entity.

Reads in this order: `options` what a server is told, `versions` a loaded version that answers, `champions` who they are and how
one takes over from another, `choosing` which version answers a request, `requests` a request's body, `together` how those of one
moment share a call, `answers` what goes back, `application` the routes, `direct` the short way to one of them, `running` the
processes. FastAPI and uvicorn are imported in `application`, `openapi` and `running` only.

It stands on the predictor and reads as role analyst: no stage, no frame, and MLflow only for files that are not kept here.
"""

from perennial.serve.options import ServeOptions
from perennial.serve.tokens import Token, TokenFile

__all__ = ["ServeOptions", "Token", "TokenFile"]
