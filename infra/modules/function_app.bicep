// The Function App on Flex Consumption, with the settings it reads (docs/settings.md).

@description('Name of the app.')
param name string

@description('Name of the plan.')
param planName string

@description('Region; not every one has Flex Consumption: az functionapp list-flexconsumption-locations.')
param location string

@description('Tags of every resource.')
param tags object

@description('Identity of the app.')
param identityId string

@description('Its client id, which DefaultAzureCredential needs to choose it.')
param identityClientId string

@description('Host account: { name, blobEndpoint, queueEndpoint, tableEndpoint }.')
param hostStorage object

@description('Data account: { blobEndpoint, queueEndpoint }.')
param dataStorage object

@description('System account: { blobEndpoint, queueEndpoint }.')
param systemStorage object

@description('Container of the host account that deployments go to.')
param packageContainer string

@description('Application Insights connection string; no secret, since keys are off there.')
param insightsConnectionString string

@description('Settings of contracts/settings.py, by name.')
param settings object

@description('Subnet the app goes out by; empty: none.')
param subnetId string

@description('Memory of an instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Most instances.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances that are always there for the workflow; each costs money all day. 0: cold starts.')
@minValue(0)
param alwaysReadyInstances int

// Azure's convention for connections by identity; user-assigned ones are named by credential and clientId.
var connections = {
  AzureWebJobsStorage__blobServiceUri: hostStorage.blobEndpoint
  AzureWebJobsStorage__queueServiceUri: hostStorage.queueEndpoint
  AzureWebJobsStorage__tableServiceUri: hostStorage.tableEndpoint
  DATA_STORAGE__blobServiceUri: dataStorage.blobEndpoint
  // The host's blob trigger asks for it: blobs that keep failing go to a queue beside them.
  DATA_STORAGE__queueServiceUri: dataStorage.queueEndpoint
  SYSTEM_STORAGE__blobServiceUri: systemStorage.blobEndpoint
  SYSTEM_STORAGE__queueServiceUri: systemStorage.queueEndpoint
}
var byIdentity = toObject(
  flatten(map(['AzureWebJobsStorage', 'DATA_STORAGE', 'SYSTEM_STORAGE'], connection => [
    { name: '${connection}__credential', value: 'managedidentity' }
    { name: '${connection}__clientId', value: identityClientId }
  ])),
  setting => setting.name,
  setting => setting.value
)
// FUNCTIONS_WORKER_RUNTIME and FUNCTIONS_EXTENSION_VERSION are refused by Flex Consumption: functionAppConfig has them.
var hosting = {
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // With host.json's telemetryMode: the worker sends logs, metrics and spans itself (docs/observe.md).
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // The distro would make a span of every request to storage, some 20 a chunk, and each is paid for by its size.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3'
  // Orchestrators and activities share the worker's threads: as many as host.json lets run of both, and some to spare.
  PYTHON_THREADPOOL_THREAD_COUNT: '32'
  TASKHUB_NAME: 'atelier'
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // The HTTP door asks for a function key; Event Grid comes this way too.
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
    }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.blobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances > 0 ? [{ name: 'durable', instanceCount: alwaysReadyInstances }] : []
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, hosting, connections, byIdentity)
}

// Deployments come with an identity, never with a publishing password. One after the other: a site that is being changed
// answers a second change with a conflict.
@batchSize(1)
resource publishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [for kind in ['scm', 'ftp']: {
  parent: app
  name: kind
  dependsOn: [appSettings]
  properties: { allow: false }
}]

output name string = app.name
output uri string = 'https://${app.properties.defaultHostName}'
