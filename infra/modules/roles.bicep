// Who may do what, each with its reason (also in the portal: it is the assignment's description). Names are those of
// infra/role_ids.json. tests/infra/test_roles.py holds this against the calls that the code makes.

@description('Principal of the app\'s identity.')
param appPrincipalId string

@description('Principal of the nodes\' identity.')
param poolPrincipalId string

@description('Who deploys: may upload videos and fetch results with the client. Empty: nobody.')
param userPrincipalId string

@description('What that is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param userPrincipalType string

@description('Host account.')
param hostAccountName string

@description('Data account.')
param dataAccountName string

@description('System account.')
param systemAccountName string

@description('Batch account.')
param batchAccountName string

@description('Registry of the GPU task\'s image.')
param registryName string

@description('Application Insights.')
param insightsName string

@description('Container that nodes mount read-only; empty: none, and nodes have no access to any data.')
param mountedContainer string

var ids = loadJsonContent('../role_ids.json')

var onHost = [
  { role: 'Storage Blob Data Owner', why: 'The Functions host: leases, keys and the deployed package' }
  { role: 'Storage Queue Data Contributor', why: 'Durable Functions: control and work-item queues; blob events wait in one' }
  { role: 'Storage Table Data Contributor', why: 'Durable Functions: history and instances' }
]
var onData = [
  { role: 'Storage Blob Delegator', why: 'Signs the SAS by which a task reads its video and style' }
  { role: 'Storage Queue Data Contributor', why: 'The host keeps blobs whose trigger failed in a queue beside them' }
]
var onContainers = [
  // Contributor would do for our own calls; Owner is what Microsoft documents for the account of a blob trigger.
  { container: 'videos', role: 'Storage Blob Data Owner', why: 'The upload door reads videos and leaves its answer beside them' }
  { container: 'styles', role: 'Storage Blob Data Reader', why: 'Style images are read; only users write them' }
  { container: 'outputs', role: 'Storage Blob Data Contributor', why: 'Results are published, and removed where a job is cancelled' }
]
var onSystem = [
  { role: 'Storage Blob Data Contributor', why: 'Plans, segments, models, logs and dead letters are the app\'s alone' }
  // Contributor on the whole account can do this too; it stays should that be narrowed to containers.
  { role: 'Storage Blob Delegator', why: 'Signs the SAS by which a task reads its spec and model and writes its segment and log' }
  { role: 'Storage Queue Data Contributor', why: 'Sends gpu-tasks, reads both queues, moves what keeps failing to their poison queues' }
  { role: 'Storage Queue Delegator', why: 'Signs the SAS by which a task adds its result to gpu-results' }
]

var onContainersOfUser = empty(userPrincipalId) ? [] : [
  { container: 'videos', role: 'Storage Blob Data Contributor', why: 'Whoever deployed uploads videos with the client' }
  { container: 'styles', role: 'Storage Blob Data Contributor', why: 'Whoever deployed uploads style images with the client' }
  { container: 'images', role: 'Storage Blob Data Contributor', why: 'Whoever deployed may keep pictures there' }
  { container: 'outputs', role: 'Storage Blob Data Reader', why: 'Whoever deployed fetches results with the client' }
]

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: dataAccountName
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' existing = {
  parent: dataAccount
  name: 'default'
}

resource appContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = [for grant in onContainers: {
  parent: dataBlobs
  name: grant.container
}]

resource userContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = [for grant in onContainersOfUser: {
  parent: dataBlobs
  name: grant.container
}]

resource systemAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: systemAccountName
}

resource systemBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' existing = {
  parent: systemAccount
  name: 'default'
}

resource mounted 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = if (!empty(mountedContainer)) {
  parent: systemBlobs
  name: empty(mountedContainer) ? 'none' : mountedContainer
}

resource batchAccount 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: batchAccountName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource appOnHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for grant in onHost: {
  name: guid(hostAccount.id, appPrincipalId, grant.role)
  scope: hostAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids[grant.role])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: grant.why
  }
}]

resource appOnData 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for grant in onData: {
  name: guid(dataAccount.id, appPrincipalId, grant.role)
  scope: dataAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids[grant.role])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: grant.why
  }
}]

resource appOnContainers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (grant, index) in onContainers: {
  name: guid(dataAccount.id, grant.container, appPrincipalId, grant.role)
  scope: appContainers[index]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids[grant.role])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: grant.why
  }
}]

resource appOnSystem 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for grant in onSystem: {
  name: guid(systemAccount.id, appPrincipalId, grant.role)
  scope: systemAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids[grant.role])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: grant.why
  }
}]

resource appOnBatch 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(batchAccount.id, appPrincipalId, 'Azure Batch Job Submitter')
  scope: batchAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Azure Batch Job Submitter'])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    // Azure Batch Data Contributor would let it change pools too: an image, an identity, a size.
    description: 'Creates, reads and ends jobs and tasks, and cannot change the pool'
  }
}

resource userOnBatch 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(userPrincipalId)) {
  name: guid(batchAccount.id, userPrincipalId, 'Azure Batch Data Contributor')
  scope: batchAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Azure Batch Data Contributor'])
    principalId: userPrincipalId
    principalType: userPrincipalType
    // Owner and Contributor have no data actions: to them Batch shows pools, and neither jobs nor tasks.
    description: 'Whoever deployed looks after jobs, tasks and the pool (docs/operate.md)'
  }
}

resource appOnInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, appPrincipalId, 'Monitoring Metrics Publisher')
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Monitoring Metrics Publisher'])
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'Sends telemetry; Application Insights takes no keys'
  }
}

resource poolOnRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, poolPrincipalId, 'AcrPull')
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.AcrPull)
    principalId: poolPrincipalId
    principalType: 'ServicePrincipal'
    description: 'Nodes pull the image of the GPU task'
  }
}

resource poolOnMount 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(mountedContainer)) {
  name: guid(systemAccount.id, mountedContainer, poolPrincipalId)
  scope: mounted
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids['Storage Blob Data Reader'])
    principalId: poolPrincipalId
    principalType: 'ServicePrincipal'
    description: 'Nodes mount this container read-only, because the deployment asks for it'
  }
}

resource userOnContainers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (grant, index) in onContainersOfUser: {
  name: guid(dataAccount.id, grant.container, userPrincipalId, grant.role)
  scope: userContainers[index]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids[grant.role])
    principalId: userPrincipalId
    principalType: userPrincipalType
    description: grant.why
  }
}]
