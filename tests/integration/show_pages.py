"""Answers requests to Perennial's pages as Airflow's web server would, for somebody who is logged in; prints them as JSON."""

import json
import sys

from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from perennial.airflow.pages import make_app

app = make_app()
app.dependency_overrides[get_user] = lambda: None
answers = [TestClient(app).get(path) for path in sys.argv[1:]]
POLICY = "content-security-policy"
shown = [{"status": answer.status_code, "page": answer.text, "policy": answer.headers.get(POLICY, "")} for answer in answers]
sys.stdout.write("\n" + json.dumps(shown))
