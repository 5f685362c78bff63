"""Give people a user and a workspace of the same name, in which they alone, and the admin, read and write."""

import argparse
import os
import secrets

os.environ["MLFLOW_TRACKING_USERNAME"] = os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin")
os.environ["MLFLOW_TRACKING_PASSWORD"] = os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client


def ensure(name: str, password: str, uri: str) -> None:
    """Make what is missing of user, workspace and role; a password that was set before stays."""
    client = get_app_client("basic-auth", tracking_uri=uri)
    if name not in {workspace.name for workspace in mlflow.list_workspaces()}:
        mlflow.create_workspace(name)
    try:
        client.create_user(name, password)
        print(f"{name}\t{password}")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        print(f"{name}\t(exists)")
    if name not in {role.workspace for role in client.list_user_roles(name)}:
        member = next(role for role in client.list_roles(name) if role.name == "user")
        client.assign_role(name, member.id)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="2 to 63 characters: small letters, digits and hyphens")
    parser.add_argument("--password-from", metavar="VARIABLE", help="default: a random password for each, shown once")
    parser.add_argument("--uri", default="http://127.0.0.1:5000")
    chosen = parser.parse_args()
    mlflow.set_tracking_uri(chosen.uri)
    for each in chosen.names:
        ensure(
            each, os.environ[chosen.password_from] if chosen.password_from else secrets.token_urlsafe(15), chosen.uri
        )
