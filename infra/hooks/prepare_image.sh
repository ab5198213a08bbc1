#!/bin/sh
# Before provisioning: tell azd which image the pool prefetches and the app runs, and refuse what could not work.
set -eu
if [ "${PRIVATE_NETWORK:-false}" = true ] && [ "${MOUNT:-none}" != none ]; then
    echo "MOUNT=$MOUNT with PRIVATE_NETWORK=true: Batch installs what a mount needs from the internet, nodes there have no" >&2
    echo "way to it, and every node would be unusable. Tasks need no mount: azd env set MOUNT none" >&2
    exit 1
fi
# A pool without GPUs gets torch without CUDA: another image of the same files.
tag=$(python3 infra/hooks/image_tag.py)-${POOL_KIND:-gpu}
azd env set GPU_TASK_IMAGE_TAG "$tag"
echo "GPU task image: tag $tag"
# An upgrade: the registry is there, and gets the new image before anything names it. The first time the image follows
# after the registry (postprovision), when no job is there to miss it.
if [ -n "${REGISTRY_NAME:-}" ]; then
    registry=$(az resource list --name "$REGISTRY_NAME" --resource-type Microsoft.ContainerRegistry/registries \
        --query "[].name" --output tsv)
    if [ -n "$registry" ]; then
        GPU_TASK_IMAGE_TAG=$tag sh infra/hooks/build_image.sh
    fi
fi
