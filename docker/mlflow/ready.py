"""Health check: the server is ready when the database answers through it, which /health does not tell."""

import base64
import os
import urllib.request

port = os.environ.get("MLFLOW_PORT", "5000")
request = urllib.request.Request(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1")
if password := os.environ.get("MLFLOW_AUTH_ADMIN_PASSWORD"):
    user = os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
urllib.request.urlopen(request, timeout=4).close()
