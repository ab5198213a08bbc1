// The pool of nodes that run GPU tasks: scales from and to zero by infra/autoscale.formula.

@description('Batch account.')
param accountName string

@description('Pool id; the app setting BATCH_POOL_ID.')
param poolId string

@description('What nodes are made of: an entry of infra/pools.json.')
param kind object

@description('VM size.')
param vmSize string

@description('Spot nodes first. False: dedicated nodes only.')
param spot bool

@description('Let running tasks finish, then have no nodes; tasks wait.')
param paused bool

@description('Nodes that stay when nothing is to do.')
@minValue(0)
param minNodes int

@description('Most nodes.')
@minValue(1)
param maxNodes int

@description('Of these, most that may be dedicated where spot nodes stay away. Needs quota of its own.')
@minValue(0)
param maxDedicatedNodes int

@description('Minutes that the last node stays after the last task.')
@minValue(0)
@maxValue(1440)
param keepWarmMinutes int

@description('GPU tasks that a node runs at once.')
@minValue(1)
@maxValue(256)
param slotsPerNode int

@description('Registry server of the image.')
param registryServer string

@description('Image of the GPU task, which a node has before its first task.')
param image string

@description('Identity of the nodes. It may pull the image, and nothing else.')
param identityId string

@description('Subnet of the nodes; empty: Batch gives them a network of their own, with a public address to go out by.')
param subnetId string

@description('File system mounted at $AZ_BATCH_NODE_MOUNTS_DIR/models: none, blobfuse (container `models`, read-only) or nfs.')
@allowed(['none', 'blobfuse', 'nfs'])
param mount string

@description('Account of the blobfuse mount.')
param mountAccountName string

@description('Container of the blobfuse mount.')
param mountContainer string

@description('NFS export, host:/path.')
param nfsSource string

var least = paused ? 0 : minNodes
var most = paused ? 0 : maxNodes
var spotNodes = string(spot ? most : 0)
var dedicatedNodes = string(spot && !paused ? maxDedicatedNodes : most)
var bounds = replace(replace(loadTextContent('../autoscale.formula'), '{minNodes}', string(least)), '{maxNodes}', string(most))
var targets = replace(replace(bounds, '{maxSpotNodes}', spotNodes), '{maxDedicatedNodes}', dedicatedNodes)
var formula = replace(replace(targets, '{slotsPerNode}', string(slotsPerNode)), '{keepWarmMinutes}', string(keepWarmMinutes))

var mounts = {
  none: []
  // Each node reads all networks then. Tasks do not need it: their SAS gives each its own. Batch mounts as root;
  // without allow_other no task could look inside.
  blobfuse: [
    {
      azureBlobFileSystemConfiguration: {
        accountName: mountAccountName
        containerName: mountContainer
        relativeMountPath: 'models'
        blobfuseOptions: '-o ro -o allow_other -o attr_timeout=240 -o entry_timeout=240'
        identityReference: { resourceId: identityId }
      }
    }
  ]
  // Azure Files over SMB is left out: it wants the account's key.
  nfs: [
    {
      nfsMountConfiguration: {
        source: nfsSource
        relativeMountPath: 'models'
        mountOptions: '-o vers=4,minorversion=1,sec=sys,ro'
      }
    }
  ]
}

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: accountName
}

// Image, size and network can be changed while the pool is empty only.
resource pool 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = {
  parent: account
  name: poolId
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    displayName: 'Atelier GPU tasks'
    vmSize: vmSize
    taskSlotsPerNode: slotsPerNode
    // Full nodes first, so that empty ones can go.
    taskSchedulingPolicy: { nodeFillType: 'Pack' }
    interNodeCommunication: 'Disabled'
    scaleSettings: {
      autoScale: {
        formula: formula
        // The shortest that Batch takes.
        evaluationInterval: 'PT5M'
      }
    }
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        // unverified: confirm with `az batch pool supported-images list`; infra/pools.json has the names.
        imageReference: kind.image
        nodeAgentSkuId: kind.nodeAgentSkuId
        // The image lies on a node before its first task. Kept small: pulls of 7 GB failed on every fourth of 50 nodes.
        // No `--gpus`: Batch hands GPUs to containers itself.
        containerConfiguration: {
          type: 'DockerCompatible'
          containerImageNames: [image]
          containerRegistries: [{ registryServer: registryServer, identityReference: { resourceId: identityId } }]
        }
        osDisk: { diskSizeGB: kind.osDiskGiB, managedDisk: { storageAccountType: 'StandardSSD_LRS' } }
        nodePlacementConfiguration: { policy: 'Regional' }
      }
    }
    // No public addresses takes a subnet, and the account's nodeManagement endpoint in reach of it.
    networkConfiguration: empty(subnetId) ? {
      publicIPAddressConfiguration: { provision: 'BatchManaged' }
    } : {
      subnetId: subnetId
      publicIPAddressConfiguration: { provision: 'NoPublicIPAddresses' }
    }
    mountConfiguration: mounts[mount]
  }
}

output name string = pool.name
