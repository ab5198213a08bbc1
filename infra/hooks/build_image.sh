#!/bin/sh
# After provisioning: build the GPU task's image in Azure, unless the registry has it. No Docker needed here.
# REGISTRY_NAME and GPU_TASK_IMAGE_TAG come from azd's environment.
set -eu
found=$(az acr repository list --name "$REGISTRY_NAME" --query "[?@=='gpu-task']" --output tsv)
if [ -n "$found" ]; then
    found=$(az acr repository show-tags --name "$REGISTRY_NAME" --repository gpu-task \
        --query "[?@=='$GPU_TASK_IMAGE_TAG']" --output tsv)
fi
if [ -n "$found" ]; then
    echo "gpu-task:$GPU_TASK_IMAGE_TAG is in $REGISTRY_NAME"
    exit 0
fi
packages=
case $GPU_TASK_IMAGE_TAG in
    *-cpu) packages=https://download.pytorch.org/whl/cpu ;;
esac
# torch with CUDA is 4 GB: half an hour or so (unverified). The default limit is an hour.
az acr build --registry "$REGISTRY_NAME" --image "gpu-task:$GPU_TASK_IMAGE_TAG" --platform linux/amd64 \
    --build-arg PIP_EXTRA_INDEX_URL="$packages" --timeout 5400 --file gpu_task/Dockerfile .
