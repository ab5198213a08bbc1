// The Batch account. Quota: a new account has 0 cores of every GPU family, dedicated and spot each (docs/deploy.md says
// how to ask), and 100 to 300 active jobs; the app ends each of its jobs.

@description('Name: 3 to 24 lower-case letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Close the public endpoints.')
param privateNetwork bool

@description('Addresses that reach the account from outside all the same, when it is closed: IPv4 or CIDR.')
param allowedIpAddresses string[] = []

@description('Log Analytics workspace for resizes and task events.')
param workspaceId string

var isOpen = !privateNetwork || !empty(allowedIpAddresses)

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // No account keys: the app comes with its identity, and a node's task gets no Batch token to speak of.
    allowedAuthenticationModes: ['AAD']
    poolAllocationMode: 'BatchService'
    publicNetworkAccess: isOpen ? 'Enabled' : 'Disabled'
    // Counts where the account is open. The named addresses come to jobs and tasks; node management is the nodes' alone,
    // by their private endpoint.
    networkProfile: {
      accountAccess: {
        defaultAction: privateNetwork ? 'Deny' : 'Allow'
        ipRules: [for address in allowedIpAddresses: { action: 'Allow', value: address }]
      }
      nodeManagementAccess: { defaultAction: privateNetwork ? 'Deny' : 'Allow' }
    }
    encryption: { keySource: 'Microsoft.Batch' }
    // No autoStorage: it serves application packages and Batch's own file transfers. Tasks here carry SAS instead.
  }
}

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'events'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'ServiceLog', enabled: true }]
  }
}

output id string = account.id
output name string = account.name
output endpoint string = 'https://${account.properties.accountEndpoint}'
