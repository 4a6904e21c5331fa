using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using EdgeProxy.Admin;
using EdgeProxy.CaddyImport;
using EdgeProxy.Cli;
using EdgeProxy.Demo;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Json;

/// <summary>The JSON of the admin API and of the state files: camelCase, slots in lower case, enums by name, durations <c>hh:mm:ss.fff</c>, times RFC 3339 UTC.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(Switch))]
[JsonSerializable(typeof(SlotHealth))]
[JsonSerializable(typeof(ProbeEvent))]
[JsonSerializable(typeof(SlotEvent))]
[JsonSerializable(typeof(ActiveSlot))]
[JsonSerializable(typeof(JournalEntry))]
[JsonSerializable(typeof(PauseRecord))]
[JsonSerializable(typeof(MaintenanceRecord))]
[JsonSerializable(typeof(ProcessRecords))]
[JsonSerializable(typeof(SwitchOrder))]
[JsonSerializable(typeof(AdminProblem))]
[JsonSerializable(typeof(SettingsReport))]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(VersionReport))]
[JsonSerializable(typeof(ImportResult))]
[JsonSerializable(typeof(WatchedRequest))]
[JsonSerializable(typeof(WatchSummary))]
[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(SwitchesView))]
[JsonSerializable(typeof(SwitchBody))]
[JsonSerializable(typeof(RollbackBody))]
[JsonSerializable(typeof(PauseBody))]
[JsonSerializable(typeof(ResumeBody))]
[JsonSerializable(typeof(MaintenanceBody))]
[JsonSerializable(typeof(RollbackOrder))]
[JsonSerializable(typeof(PauseOrder))]
[JsonSerializable(typeof(ResumeOrder))]
[JsonSerializable(typeof(MaintenanceOrder))]
[JsonSerializable(typeof(RefusedSwitch))]
[JsonSerializable(typeof(RefusedOrder))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(ProbeView))]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(CertificateStatus))]
[JsonSerializable(typeof(RenewBody))]
[JsonSerializable(typeof(RootView))]
[JsonSerializable(typeof(RenewOrder))]
[JsonSerializable(typeof(AcmeAccount))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(string))]
internal sealed partial class EdgeProxyJson : JsonSerializerContext;
