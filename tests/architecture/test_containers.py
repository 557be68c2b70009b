"""Do the image and the compose file fit the processes that they start? They are read here, not run."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from deploy.schemas.pages import SETTINGS, names_of
from deploy.services import service_port
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES
from shared.runtime.settings import Settings

DEPLOY = CHECKOUT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = (*SERVICES, "front", "migrate")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
HTTP_PORT = 8080


def environment(name: str) -> dict[str, str]:
    found: dict[str, str] = CONTAINERS[name].get("environment", {})
    return found


def settings_of(name: str) -> Settings:
    """What a process of this container reads, with an issuer in place of the operator's."""
    issuer = {
        "issuer_url": "https://issuer.invalid",
        "issuer_jwks": "https://issuer.invalid/keys",
        "audience": "ledgerline",
    }
    named = {key.removeprefix("LEDGERLINE_").lower(): value for key, value in environment(name).items()}
    mine = {key: value for key, value in named.items() if key in Settings.model_fields}
    return Settings(**{**mine, "mllp_tenant": "clinic", **issuer})


def test_there_is_a_container_for_every_process() -> None:
    assert set(CONTAINERS) == {*OURS, *BROKERS, "postgres", "otel-collector", "prometheus"}
    assert {name: CONTAINERS[name]["command"] for name in (*SERVICES, "front")} == {
        name: [name] for name in (*SERVICES, "front")
    }
    assert CONTAINERS["migrate"]["entrypoint"] == ["python", "-m", "deploy.migrate"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_container_is_a_setting_and_its_value_is_taken(name: str) -> None:
    known = {setting for cls in SETTINGS for setting in names_of(cls)} | {"LEDGERLINE_SECRETS_DIR"}
    assert {key for key in environment(name) if key.startswith("LEDGERLINE_")} <= known
    settings = settings_of(name)
    assert (settings.mode, settings.feed, settings.is_locally_issued) == ("distributed", "kafka", False)


def test_every_secret_is_a_setting_and_is_mounted_by_its_name() -> None:
    settings = {setting.lower() for cls in SETTINGS for setting in names_of(cls)}
    assert set(COMPOSE["secrets"]) <= settings
    assert {name: said["file"] for name, said in COMPOSE["secrets"].items()} == {
        n: f"secrets/{n}" for n in COMPOSE["secrets"]
    }
    for name in CONTAINERS:
        assert set(CONTAINERS[name].get("secrets", ())) <= set(COMPOSE["secrets"])


def test_no_secret_stands_in_an_environment_and_only_the_job_knows_the_superuser() -> None:
    for name in OURS:
        assert not [key for key in environment(name) if key.endswith(("_PASSWORD", "_KEY", "_TOKEN"))], name
    knowing = {
        name for name, said in CONTAINERS.items() if "ledgerline_migrate_superuser_password" in said.get("secrets", ())
    }
    assert knowing == {"migrate", "postgres"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_asked_for_its_health_where_it_listens(service: str) -> None:
    port = service_port(HTTP_PORT, service)
    settings = settings_of(service)
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", HTTP_PORT)
    assert f"http://127.0.0.1:{port}/api/{service}/health/ready" in CONTAINERS[service]["healthcheck"]["test"][-1]
    assert settings_of("front").service_url(service, port) == f"http://{service}:{port}"
    assert "ports" not in CONTAINERS[service]


def test_only_the_host_itself_reaches_what_is_published() -> None:
    published = {name: said["ports"] for name, said in CONTAINERS.items() if "ports" in said}
    assert published.keys() == {"front", "prometheus"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    settings = settings_of("front")
    assert published["front"] == [f"127.0.0.1:{port}:{port}" for port in (settings.http_port, settings.mllp_port)]


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_writes_nothing_and_may_do_nothing(name: str) -> None:
    said = CONTAINERS[name]
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in said["security_opt"]


def test_nothing_starts_before_the_databases_are_at_this_version() -> None:
    for name in (*SERVICES, "front"):
        assert CONTAINERS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for service in SERVICES:
        assert set(BROKERS) < set(CONTAINERS[service]["depends_on"])


def test_an_acknowledged_record_is_on_two_brokers() -> None:
    for number, name in enumerate(BROKERS, start=1):
        said = environment(name)
        assert said["KAFKA_NODE_ID"] == str(number)
        assert said["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert f"{number}@{name}:9093" in said["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        assert (said["KAFKA_DEFAULT_REPLICATION_FACTOR"], said["KAFKA_MIN_INSYNC_REPLICAS"]) == ("3", "2")
        assert (
            said["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"],
            said["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"],
        ) == ("3", "2")
        assert said["KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE"] == "false"
    settings = settings_of("claims")
    assert settings.kafka_replicas == len(BROKERS)
    assert settings.kafka_bootstrap == ",".join(f"{name}:9092" for name in BROKERS)


def test_every_image_is_pinned_and_the_brokers_are_those_that_tests_run_on() -> None:
    images = {said["image"] for said in CONTAINERS.values()} | set(
        re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)
    )
    assert [image for image in images if not re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image)] == []
    tested = re.search(r"<kafka\.version>([\d.]+)<", (DEPLOY / "kafka" / "pom.xml").read_text())
    assert tested is not None
    assert {CONTAINERS[name]["image"] for name in BROKERS} == {f"apache/kafka:{tested[1]}"}


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def test_the_image_is_built_from_the_lock_and_does_not_run_as_root() -> None:
    assert "--require-hashes -r requirements.lock" in dockerfile()
    assert re.search(r"^USER 10001:10001$", dockerfile(), re.MULTILINE)
    assert '["python", "-m", "deploy.serve"]' in dockerfile()
    last = dockerfile().rpartition("\nFROM ")[2]
    assert "pip install" not in last, "what builds is not in what runs"


def test_metrics_are_asked_of_every_process_with_a_token() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())["scrape_configs"]
    asked = {job["static_configs"][0]["targets"][0]: job["metrics_path"] for job in jobs}
    of_services = {f"{name}:{service_port(HTTP_PORT, name)}": f"/api/{name}/metrics" for name in SERVICES}
    assert asked == {f"front:{HTTP_PORT}": "/metrics", **of_services}
    assert {job["authorization"]["credentials_file"] for job in jobs} == {"/run/metrics/token"}


def test_every_metric_of_an_alert_is_one_that_we_have() -> None:
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    assert rules
    named = {name for rule in rules for name in re.findall(r"\bledgerline_[a-z_]+", rule["expr"])}
    code = (CHECKOUT / "shared/runtime/telemetry.py").read_text()
    assert [name for name in named if f'"{name.removesuffix("_bucket")}"' not in code] == []


def test_spans_go_where_the_collector_listens() -> None:
    config = yaml.safe_load((DEPLOY / "otel" / "config.yaml").read_text())
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    for name in OURS:
        assert environment(name)["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://otel-collector:{port}"
    pipeline = config["service"]["pipelines"]["traces"]
    assert set(pipeline["exporters"]) <= set(config["exporters"])
    assert set(pipeline["processors"]) <= set(config["processors"])
