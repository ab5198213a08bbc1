#!/bin/sh
# Before provisioning: tell azd which image the pool prefetches and the app runs.
set -eu
# A pool without GPUs gets torch without CUDA: another image of the same files.
tag=$(python3 infra/hooks/image_tag.py)-${POOL_KIND:-gpu}
azd env set GPU_TASK_IMAGE_TAG "$tag"
echo "GPU task image: tag $tag"
