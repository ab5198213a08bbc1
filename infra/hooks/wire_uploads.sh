#!/bin/sh
# After deploying: uploads reach the app (infra/events.bicep), once the app's host has made the key for them.
# AZURE_RESOURCE_GROUP, FUNCTION_APP_NAME, DATA_ACCOUNT_NAME and LOG_WORKSPACE_ID come from azd's environment.
set -eu
attempts=${WIRE_ATTEMPTS:-30}
# Only whether the key exists is asked for: the key itself never leaves Azure.
until [ "$(az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
    --query "systemKeys.blobs_extension != null" --output tsv)" = true ]; do
    attempts=$((attempts - 1))
    if [ "$attempts" -le 0 ]; then
        echo "$FUNCTION_APP_NAME has not made its blobs_extension key: the host did not start or found no functions." >&2
        echo "See its log (az webapp log tail does not serve Flex Consumption: use Application Insights), then: azd hooks run postdeploy" >&2
        exit 1
    fi
    sleep "${WIRE_SECONDS:-10}"
done
az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name events --output none \
    --template-file infra/events.bicep \
    --parameters functionAppName="$FUNCTION_APP_NAME" dataAccountName="$DATA_ACCOUNT_NAME" workspaceId="$LOG_WORKSPACE_ID"
echo "Uploads to container videos of $DATA_ACCOUNT_NAME start jobs"
