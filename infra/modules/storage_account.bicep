// One storage account: no keys, no public blobs, its containers, queues, expiry and recovery.

@description('Name: 3 to 24 lower-case letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Copies that Azure keeps.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param redundancy string = 'Standard_LRS'

@description('Blob containers.')
param containers string[]

@description('Queues.')
param queues string[] = []

@description('Blobs that expire: [{ container, days }], days since they were written last.')
param expiry array = []

@description('Days that a deleted or overwritten blob can be brought back; 0: a delete is final.')
@minValue(0)
@maxValue(365)
param recoveryDays int = 0

@description('Close the public endpoint.')
param privateNetwork bool

@description('Addresses that reach the account from outside all the same, when it is closed: IPv4 or CIDR up to /30.')
param allowedIpAddresses string[] = []

@description('Azure services that may pass a closed endpoint.')
@allowed(['None', 'AzureServices'])
param bypass string = 'None'

@description('Log Analytics workspace for what is put into queues and taken from them; empty: not logged.')
param queueLogWorkspaceId string = ''

var isOpen = !privateNetwork || !empty(allowedIpAddresses)

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    // Identities alone: an account key would be worth every video at once, and it never ends.
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isOpen ? 'Enabled' : 'Disabled'
    networkAcls: {
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      bypass: bypass
      ipRules: [for address in allowedIpAddresses: { value: address, action: 'Allow' }]
    }
    encryption: {
      keySource: 'Microsoft.Storage'
      // A second layer, below the one that Azure always has. It cannot be turned on later.
      requireInfrastructureEncryption: true
      services: {
        blob: { enabled: true, keyType: 'Account' }
        queue: { enabled: true, keyType: 'Account' }
        table: { enabled: true, keyType: 'Account' }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: recoveryDays > 0 ? { enabled: true, days: recoveryDays } : { enabled: false }
    containerDeleteRetentionPolicy: recoveryDays > 0 ? { enabled: true, days: recoveryDays } : { enabled: false }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: { publicAccess: 'None' }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource storageQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [for queue in queues: {
  parent: queueService
  name: queue
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = if (!empty(expiry)) {
  parent: account
  name: 'default'
  // A policy on an account whose blob service does not exist yet is refused.
  dependsOn: [blobs]
  properties: {
    policy: {
      rules: [for rule in expiry: {
        enabled: true
        name: 'expire-${rule.container}'
        type: 'Lifecycle'
        definition: {
          filters: { blobTypes: ['blockBlob'], prefixMatch: ['${rule.container}/'] }
          actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: rule.days } } }
        }
      }]
    }
  }
}

// Puts and deletes only: the host polls its queues every second, and each poll is a read.
resource queueLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(queueLogWorkspaceId)) {
  name: 'queues'
  scope: queueService
  properties: {
    workspaceId: queueLogWorkspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
