// Atelier on Azure, for `azd up` (docs/deploy.md). One resource group; every resource is declared here or in modules/.
//
// Quota bites first: new subscriptions have 0 GPU cores in Batch, spot and dedicated apart, and each region counts for
// itself. Deploying works without; the pool then stays empty, jobs wait, and the alert `pool-resize-failed` fires.
targetScope = 'subscription'

@description('Name of this deployment; azd\'s AZURE_ENV_NAME.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region. It needs Flex Consumption and the VM family of the pool.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Who deploys; gets the data roles that the client needs. Empty: nobody.')
param principalId string = ''

@description('What that is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Tag of the GPU task\'s image; infra/hooks/image_tag.py makes it of the image\'s files.')
@minLength(1)
param imageTag string

@description('Parameter set of infra/pools.json: nodes with a GPU, or without, which need no GPU quota.')
@allowed(['gpu', 'cpu'])
param poolKind string = 'gpu'

@description('VM size; empty: that of the parameter set.')
param vmSize string = ''

@description('GPUs that one task has to itself; 0: as the parameter set says.')
@minValue(0)
@maxValue(8)
param workersPerTask int = 0

@description('Spot nodes first, about a third of the price or less. False where a subscription has no spot (free, sponsored).')
param spot bool = true

@description('Nodes that stay when nothing is to do.')
@minValue(0)
@maxValue(100)
param minNodes int = 0

@description('Most nodes.')
@minValue(1)
@maxValue(100)
param maxNodes int = 4

@description('Of these, most that may be dedicated where spot nodes stay away for a quarter of an hour.')
@minValue(0)
@maxValue(100)
param maxDedicatedNodes int = 1

@description('Minutes that the last node stays after the last task.')
@minValue(0)
@maxValue(1440)
param keepWarmMinutes int = 15

@description('Close the doors, or the doors and the pool: docs/operate.md, Draining. Jobs under way are kept.')
@allowed(['none', 'doors', 'all'])
param pause string = 'none'

@description('GPU tasks that a node runs at once. They share a user: more than 1 lets them look into each other.')
@minValue(1)
@maxValue(16)
param slotsPerNode int = 1

@description('Price of a dedicated node for an hour: what costs and max_cost are counted with. 0: not known.')
param nodePricePerHour string = '0'

@description('Price of a spot node for an hour, for quotes. 0: not known. With spot=false it does not count.')
param spotPricePerHour string = '0'

@description('What prices are in, such as EUR.')
param priceCurrency string = ''

@description('Seconds until an empty pool has its first node, for quotes. 0: not known. With minNodes it does not count.')
param nodeBootSeconds string = '0'

@description('Further settings of docs/settings.md, by name.')
param settings object = {}

@description('VNet, private endpoints and DNS; nodes without public addresses or any way out but those endpoints.')
param privateNetwork bool = false

@description('Addresses that reach the data account and Batch from outside all the same: IPv4 or CIDR, separated by commas.')
param allowedIpAddresses string = ''

@description('Addresses of the VNet, a /22 or larger; clear of 172.17.0.0/16 (Docker).')
param vnetAddressPrefix string = '10.40.0.0/22'

@description('File system on nodes: none, blobfuse (container `models`, read-only, and the role for it) or nfs.')
@allowed(['none', 'blobfuse', 'nfs'])
param mount string = 'none'

@description('NFS export, host:/path, for mount=nfs.')
param nfsSource string = ''

@description('Copies of the data account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param dataRedundancy string = 'Standard_LRS'

@description('Days after which what a job needed meanwhile expires. A job must be over by then.')
@minValue(7)
@maxValue(365)
param intermediatesDays int = 30

@description('Days after which logs of GPU tasks expire.')
@minValue(1)
@maxValue(365)
param logsDays int = 30

@description('Days after which dead letters expire.')
@minValue(7)
@maxValue(365)
param deadLettersDays int = 90

@description('Days that deleted videos, styles and results can be brought back.')
@minValue(1)
@maxValue(365)
param recoveryDays int = 14

@description('Address for alerts; empty: they show in the portal alone.')
param alertEmail string = ''

@description('Memory of an instance of the app.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of the app.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances of the app that are always there; 0: none, and the first job waits for a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

var poolId = 'atelier'
var kinds = loadJsonContent('pools.json')
var kind = kinds[poolKind]
var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))
var packageContainer = 'app-package'
var addresses = empty(allowedIpAddresses) ? [] : split(replace(allowedIpAddresses, ' ', ''), ',')
// Whatever starts work; a message or an answer of work under way is still heard.
var doors = pause == 'none' ? [] : ['on_video_uploaded', 'start_job', 'retry_job']
var closedDoors = toObject(doors, door => 'AzureWebJobs.${door}.Disabled', door => 'true')
var mountedContainer = mount == 'blobfuse' ? 'models' : ''

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: { location: location, tags: tags, token: token }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { location: location, tags: tags, token: token }
}

// The Functions host's own account: packages, leases, keys, Durable's state.
module hostStorage 'modules/storage_account.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: 'sthost${token}'
    location: location
    tags: tags
    containers: [packageContainer]
    privateNetwork: privateNetwork
  }
}

// What users may reach (contracts/layout.py). Nothing here expires: it is theirs.
module dataStorage 'modules/storage_account.bicep' = {
  name: 'data-storage'
  scope: group
  params: {
    name: 'stdata${token}'
    location: location
    tags: tags
    redundancy: dataRedundancy
    containers: ['videos', 'styles', 'images', 'outputs']
    recoveryDays: recoveryDays
    privateNetwork: privateNetwork
    allowedIpAddresses: addresses
    // Event Grid.
    bypass: 'AzureServices'
  }
}

// What users never reach. No recovery: the specs of tasks hold SAS, and their deletion must be final. Models stay: they
// are few, small and expensive to make.
module systemStorage 'modules/storage_account.bicep' = {
  name: 'system-storage'
  scope: group
  params: {
    name: 'stsys${token}'
    location: location
    tags: tags
    containers: ['jobs', 'models', 'logs', 'deadletter']
    queues: ['gpu-tasks', 'gpu-results', 'gpu-tasks-poison', 'gpu-results-poison']
    expiry: [
      { container: 'jobs', days: intermediatesDays }
      { container: 'logs', days: logsDays }
      { container: 'deadletter', days: deadLettersDays }
    ]
    privateNetwork: privateNetwork
    queueLogWorkspaceId: monitoring.outputs.workspaceId
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: { name: 'cr${token}', location: location, tags: tags, privateNetwork: privateNetwork }
}

module batchAccount 'modules/batch_account.bicep' = {
  name: 'batch-account'
  scope: group
  params: {
    name: 'ba${token}'
    location: location
    tags: tags
    privateNetwork: privateNetwork
    allowedIpAddresses: addresses
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: { location: location, tags: tags, token: token, addressPrefix: vnetAddressPrefix }
}

var storageSuffix = environment().suffixes.storage

module privateEndpoints 'modules/private_endpoints.bicep' = if (privateNetwork) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    networkId: privateNetwork ? network!.outputs.id : ''
    subnetId: privateNetwork ? network!.outputs.endpointsSubnetId : ''
    endpoints: [
      { name: 'host-blob', resourceId: hostStorage.outputs.id, group: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
      { name: 'host-queue', resourceId: hostStorage.outputs.id, group: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
      { name: 'host-table', resourceId: hostStorage.outputs.id, group: 'table', zone: 'privatelink.table.${storageSuffix}' }
      { name: 'data-blob', resourceId: dataStorage.outputs.id, group: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
      { name: 'data-queue', resourceId: dataStorage.outputs.id, group: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
      { name: 'system-blob', resourceId: systemStorage.outputs.id, group: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
      { name: 'system-queue', resourceId: systemStorage.outputs.id, group: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
      { name: 'registry', resourceId: registry.outputs.id, group: 'registry', zone: 'privatelink.azurecr.io' }
      { name: 'batch', resourceId: batchAccount.outputs.id, group: 'batchAccount', zone: 'privatelink.batch.azure.com' }
      { name: 'nodes', resourceId: batchAccount.outputs.id, group: 'nodeManagement', zone: 'privatelink.batch.azure.com' }
    ]
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    appPrincipalId: identities.outputs.appPrincipalId
    poolPrincipalId: identities.outputs.poolPrincipalId
    userPrincipalId: principalId
    userPrincipalType: principalType
    hostAccountName: hostStorage.outputs.name
    dataAccountName: dataStorage.outputs.name
    systemAccountName: systemStorage.outputs.name
    batchAccountName: batchAccount.outputs.name
    registryName: registry.outputs.name
    insightsName: monitoring.outputs.insightsName
    mountedContainer: mountedContainer
  }
}

var image = '${registry.outputs.loginServer}/gpu-task:${imageTag}'

module pool 'modules/pool.bicep' = {
  name: 'pool'
  scope: group
  // Nodes need their role before they pull, and node management before they start.
  dependsOn: [roles, privateEndpoints]
  params: {
    accountName: batchAccount.outputs.name
    poolId: poolId
    kind: kind
    vmSize: empty(vmSize) ? kind.vmSize : vmSize
    spot: spot
    paused: pause == 'all'
    minNodes: minNodes
    maxNodes: maxNodes
    maxDedicatedNodes: maxDedicatedNodes
    keepWarmMinutes: keepWarmMinutes
    slotsPerNode: slotsPerNode
    registryServer: registry.outputs.loginServer
    image: image
    identityId: identities.outputs.poolId
    subnetId: privateNetwork ? network!.outputs.nodesSubnetId : ''
    mount: mount
    mountAccountName: systemStorage.outputs.name
    mountContainer: mountedContainer
    nfsSource: nfsSource
  }
}

module functionApp 'modules/function_app.bicep' = {
  name: 'function-app'
  scope: group
  // The host fails to start without its roles.
  dependsOn: [roles, privateEndpoints]
  params: {
    name: 'func-${token}'
    planName: 'plan-${token}'
    location: location
    tags: tags
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    hostStorage: {
      blobEndpoint: hostStorage.outputs.blobEndpoint
      queueEndpoint: hostStorage.outputs.queueEndpoint
      tableEndpoint: hostStorage.outputs.tableEndpoint
    }
    dataStorage: { blobEndpoint: dataStorage.outputs.blobEndpoint, queueEndpoint: dataStorage.outputs.queueEndpoint }
    systemStorage: { blobEndpoint: systemStorage.outputs.blobEndpoint, queueEndpoint: systemStorage.outputs.queueEndpoint }
    packageContainer: packageContainer
    insightsConnectionString: monitoring.outputs.connectionString
    settings: union(
      {
        NODE_PRICE_PER_HOUR: nodePricePerHour
        SPOT_PRICE_PER_HOUR: spot ? spotPricePerHour : '0'
        PRICE_CURRENCY: priceCurrency
        NODE_BOOT_SECONDS: minNodes > 0 ? '0' : nodeBootSeconds
      },
      settings,
      {
        BATCH_ENDPOINT: batchAccount.outputs.endpoint
        BATCH_POOL_ID: poolId
        BATCH_CONTAINER_IMAGE: image
        POOL_NODES: string(maxNodes)
        POOL_SLOTS_PER_NODE: string(slotsPerNode)
        WORKERS_PER_TASK: string(workersPerTask > 0 ? workersPerTask : kind.workersPerTask)
        // The only source of blob events that Flex Consumption has.
        UPLOADS_SOURCE: 'EventGrid'
      },
      closedDoors
    )
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

// azd keeps outputs as environment values: the hooks and docs/deploy.md read them.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output ATELIER_ENDPOINT string = functionApp.outputs.uri
output ATELIER_STORAGE string = dataStorage.outputs.blobEndpoint
output FUNCTION_APP_NAME string = functionApp.outputs.name
output DATA_ACCOUNT_NAME string = dataStorage.outputs.name
output BATCH_ACCOUNT_NAME string = batchAccount.outputs.name
output BATCH_POOL_ID string = pool.outputs.name
output REGISTRY_NAME string = registry.outputs.name
output GPU_TASK_IMAGE string = image
output LOG_WORKSPACE_ID string = monitoring.outputs.workspaceId
output WORKBOOK_ID string = workbook.outputs.id
