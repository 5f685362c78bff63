"""The monitor sees 2008 and leaves calm months alone; its numbers are in MLflow and in CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from stock_market import cloudwatch, heuristics, monitor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def days(table: pd.DataFrame) -> pd.DataFrame:
    """Days with features, answers and the predictions of the best heuristic."""
    return table.assign(prediction=heuristics.always_up(table)).set_index("event_timestamp")


@pytest.fixture(scope="module")
def months(days: pd.DataFrame) -> pd.DataFrame:
    return monitor.by_month(days["2005":"2006"], days["2008-08":"2008-11"])


def test_each_month_has_its_numbers(months: pd.DataFrame, days: pd.DataFrame) -> None:
    assert months.index.astype(str).to_list() == ["2008-08", "2008-09", "2008-10", "2008-11"]
    october = days.loc["2008-10"]
    right = (october["answer"] == october["prediction"]).mean()
    assert months["accuracy"].iloc[2] == pytest.approx(right)
    assert months["accuracy_low"].iloc[2] < right < months["accuracy_high"].iloc[2]
    assert months["drift_volatility_20"].iloc[2] > 10
    assert months["days"].iloc[2] == len(october)


def test_the_crash_raises_an_alert_and_one_wild_month_does_not(months: pd.DataFrame) -> None:
    """August 2008 is calm, September the first month with drift, October the second in a row."""
    assert months["drift_share"].iloc[0] < monitor.SHARE < months["drift_share"].iloc[1]
    found = monitor.alerts(months)
    assert str(found.index[0]) == "2008-10"
    assert found.iloc[0] == "drift"
    assert monitor.alerts(months[:2]).empty


def test_a_model_that_is_surely_worse_than_a_coin_raises_an_alert(months: pd.DataFrame) -> None:
    bad = months[:1].assign(accuracy_high=0.49)
    assert monitor.alerts(bad).to_list() == ["worse than a coin"]


def test_calm_months_are_left_alone_which_the_default_test_would_not_do(days: pd.DataFrame) -> None:
    """Evidently's default finds drift in calm months of the reference itself; the chosen measure finds none."""
    calm = days.loc["2005-01":"2005-04"]
    reference = days["2005":"2006"].drop(calm.index)
    ours = monitor.by_month(reference, calm)
    theirs = monitor.by_month(reference, calm, method="ks", limit=0.05)
    assert (ours["drift_share"] < monitor.SHARE).all()
    assert (theirs["drift_share"] >= monitor.SHARE).sum() >= 2


def test_days_without_predictions_are_told(days: pd.DataFrame) -> None:
    with pytest.raises(wb.WorkbenchError, match=r"days without prediction"):
        monitor.by_month(days["2005":"2006"], days["2008-08":"2008-09"].drop(columns="prediction"))


def test_numbers_reports_and_alert_are_logged(
    months: pd.DataFrame, days: pd.DataFrame, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step a month; the page of Evidently once, for all of them; an alert in a tag; which days were compared."""
    wb.start("monitor")
    with mlflow.start_run() as run:
        monitor.log(days["2005":"2006"], days["2008-08":"2008-11"], months)
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "drift_share")
    assert {point.step: point.value for point in history} == dict(
        zip([200808, 200809, 200810, 200811], months["drift_share"], strict=True)
    )
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"months.csv", "report.html"}
    assert mlflow.search_runs(filter_string="tags.alert LIKE '2008-10%'").run_id.to_list() == [run.info.run_id]
    spans = {"reference": "2005-01-03 to 2006-12-29", "current": "2008-08-01 to 2008-11-28"}
    assert client.get_run(run.info.run_id).data.params == spans


def test_without_an_alert_nothing_is_run(months: pd.DataFrame) -> None:
    assert monitor.respond(monitor.alerts(months[:1]), "nowhere") is None


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """A stand-in for AWS on this machine: moto's server, with credentials that open nothing."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def in_aws(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": aws,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "MLFLOW_S3_ENDPOINT_URL": aws,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("in_aws")
def test_cloudwatch_has_every_number_of_every_month(months: pd.DataFrame) -> None:
    """What CloudWatch gives back is what the monitor has computed; what is not finite is not sent."""
    import datetime as dt

    import boto3

    holed = months.assign(accuracy=[np.nan, *months["accuracy"][1:]])
    assert cloudwatch.export(holed, model="up-tomorrow/1") == months.size
    client = boto3.client("cloudwatch")
    names = {metric["MetricName"] for metric in client.list_metrics(Namespace=cloudwatch.NAMESPACE)["Metrics"]}
    assert names == {*months.columns, "alert"}
    now = dt.datetime.now(dt.UTC)

    def there(name: str, **dimensions: str) -> list[float]:
        found = client.get_metric_statistics(
            Namespace=cloudwatch.NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - dt.timedelta(hours=1),
            EndTime=now + dt.timedelta(hours=1),
            Period=60,
            Statistics=["Average"],
        )
        return [point["Average"] for point in found["Datapoints"]]

    assert there("drift_share", Model="up-tomorrow/1", Month="2008-10") == [months["drift_share"].iloc[2]]
    assert there("alert", Model="up-tomorrow/1") == [1.0]
    cloudwatch.export(months[:1], model="another")
    assert there("alert", Model="another") == [0.0]


@pytest.mark.usefixtures("in_aws")
def test_long_tables_are_sent_in_batches(months: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudWatch takes 1,000 numbers a call; a smaller limit shows that none is lost at the seams."""
    import boto3

    monkeypatch.setattr(cloudwatch, "MOST", 7)
    october = months[:1].assign(**{f"number_{n}": float(n) for n in range(20)})
    assert cloudwatch.export(october, model="m", namespace="Batches") == october.size + 1
    assert len(boto3.client("cloudwatch").list_metrics(Namespace="Batches")["Metrics"]) == october.size + 1


@pytest.mark.usefixtures("in_aws")
def test_a_deployment_to_sagemaker_goes_as_far_as_moto_goes(empty_home: Path, table: pd.DataFrame) -> None:
    """MLflow uploads the model to S3 and makes model, configuration and endpoint; nothing answers at the latter."""
    import io
    import tarfile

    import boto3
    from mlflow.deployments import get_deploy_client

    from stock_market import candidates, serving, windows

    wb.start("sagemaker")
    columns = windows.names()
    estimator = candidates.fit("logistic", table[columns], table["answer"])
    info = serving.log_served(
        estimator, table[columns].head(), group="window", symbol="sp500", window=14, store="", today="2018-12-31"
    )
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="models")
    role = boto3.client("iam").create_role(RoleName="sagemaker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    config = {
        "execution_role_arn": role,
        "bucket": "models",
        "image_url": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlflow-pyfunc:3.17.2",
        "region_name": "us-east-1",
        "instance_type": "ml.t2.medium",
        "instance_count": 1,
        "timeout_seconds": 60,
    }
    client = get_deploy_client("sagemaker:/us-east-1")
    client.create_deployment("up-tomorrow", info.model_uri, flavor="python_function", config=config)
    try:
        assert client.get_deployment("up-tomorrow")["EndpointStatus"] == "InService"
        made = sagemaker.list_models()["Models"][0]["ModelName"]
        image = sagemaker.describe_model(ModelName=made)["PrimaryContainer"]
        assert image["Image"] == config["image_url"]
        archive = s3.get_object(Bucket="models", Key=image["ModelDataUrl"].split("models/", 1)[1])["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            assert {"./MLmodel", "./model.py"} <= {f"./{name.removeprefix('./')}" for name in files.getnames()}
    finally:
        client.delete_deployment("up-tomorrow", config={"region_name": "us-east-1", "archive": False})
    assert sagemaker.list_endpoints()["Endpoints"] == []
