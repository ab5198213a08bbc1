"""Uploads: the subscription calls the function that the app has, for the container it watches."""

import re

from contracts import layout
from tests.infra.deployments import REPOSITORY, azure, events


def _subscription() -> dict[str, object]:
    return events().one("Microsoft.EventGrid/systemTopics/eventSubscriptions").body["properties"]


def test_it_calls_the_apps_blob_trigger_with_the_hosts_key() -> None:
    door = (REPOSITORY / "triggers" / "uploads.py").read_text()
    (function,) = re.findall(r'@bp\.function_name\("(\w+)"\)\n@bp\.blob_trigger', door)
    url = _subscription()["destination"]["properties"]["endpointUrl"]  # type: ignore[index]
    assert url.startswith(f"{azure().outputs['ATELIER_ENDPOINT']}/runtime/webhooks/blobs?")
    assert f"functionName=Host.Functions.{function}&code=<key of " in url
    assert not [value for value in events().outputs.values() if "key of" in value]


def test_it_is_about_new_blobs_in_the_uploads_container_but_not_our_own_answers() -> None:
    wanted = _subscription()["filter"]
    assert isinstance(wanted, dict)
    assert wanted["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert wanted["subjectBeginsWith"] == f"/blobServices/default/containers/{layout.VIDEOS}/"
    assert wanted["advancedFilters"][0]["values"] == [layout.ERROR_SUFFIX]


def test_its_topic_is_the_data_account() -> None:
    source = events().one("Microsoft.EventGrid/systemTopics").body["properties"]["source"]
    assert source.endswith(azure().outputs["DATA_ACCOUNT_NAME"])
