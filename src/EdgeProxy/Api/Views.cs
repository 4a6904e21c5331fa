using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Api;

/// <summary><c>GET /health</c>.</summary>
internal sealed record HealthView(IReadOnlyDictionary<SlotName, SlotHealth> Slots);

/// <summary><c>GET /apps</c>.</summary>
internal sealed record AppsView(IReadOnlyDictionary<string, AppStatusView> Apps);

/// <summary><c>GET /switches</c>.</summary>
internal sealed record SwitchesView(IReadOnlyList<Switch> Switches);

/// <summary><c>GET /traffic</c>.</summary>
/// <param name="Every">How long a sample is.</param>
/// <param name="Samples">Of the last hour, the oldest first.</param>
internal sealed record TrafficView(TimeSpan Every, IReadOnlyList<TrafficSampleView> Samples);

/// <summary>One sample of <see cref="TrafficView"/>.</summary>
/// <param name="At">Its end.</param>
/// <param name="Slots">Those that have responded.</param>
internal sealed record TrafficSampleView(DateTimeOffset At, IReadOnlyDictionary<SlotName, SlotTrafficView> Slots);

/// <summary>The responses of a slot within a sample.</summary>
/// <param name="Requests">Ended requests.</param>
/// <param name="Errors">Those that ended with a 5xx.</param>
/// <param name="MedianMs">Milliseconds until the response began, of ordinary requests; null: there was none.</param>
/// <param name="P99Ms">99 of a hundred took at most that.</param>
internal sealed record SlotTrafficView(int Requests, int Errors, double? MedianMs, double? P99Ms);

/// <summary>The response to <c>POST /preview</c>.</summary>
/// <param name="Link">A browser that opens it gets the candidate.</param>
/// <param name="ExpiresAt">Until when.</param>
internal sealed record PreviewView(string Link, DateTimeOffset ExpiresAt);

/// <summary><c>GET /livez</c> and <c>GET /readyz</c>.</summary>
internal sealed record ProbeView(string Status);

/// <summary>The response to <c>GET /certificates/root</c>.</summary>
/// <param name="Root">The root certificate of the local authority, PEM.</param>
internal sealed record RootView(string Root);

/// <summary>The response to <c>POST /handover</c>.</summary>
/// <param name="Pid">The process that has taken over.</param>
/// <param name="Changes">Settings that it has otherwise than the one before.</param>
internal sealed record HandoverView(int Pid, IReadOnlyList<SettingChangeView> Changes);

/// <summary>A setting that has changed; what may be secret is <c>***</c>.</summary>
/// <param name="Key">E.g. <c>EdgeProxy:Health:Path</c>.</param>
/// <param name="Old">Null: it was not set.</param>
/// <param name="New">Null: it is not set any more.</param>
internal sealed record SettingChangeView(string Key, string? Old, string? New);
