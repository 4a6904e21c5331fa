using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>Labels, made once: a request allocates none.</summary>
/// <remarks>Their values come from short lists, never from what a client sends: each new value would be a new series, for ever.</remarks>
internal static class MetricTags
{
    private static readonly KeyValuePair<string, object?>[] _slots = [.. SlotNameExtensions.All.Select(slot => new KeyValuePair<string, object?>("slot", slot.ToKey()))];
    private static readonly KeyValuePair<string, object?>[] _classes = [new("class", "http"), new("class", "stream"), new("class", "webSocket")];
    private static readonly KeyValuePair<string, object?>[] _codes = [.. Enumerable.Range(0, 600).Select(code => new KeyValuePair<string, object?>("code", code.ToString(System.Globalization.CultureInfo.InvariantCulture)))];

    private static readonly Dictionary<string, KeyValuePair<string, object?>> _methods =
        new[] { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE" }.ToDictionary(method => method, method => new KeyValuePair<string, object?>("method", method));

    private static readonly KeyValuePair<string, object?> _otherMethod = new("method", "_OTHER"); // OpenTelemetry's word

    /// <summary>The app was not asked: static files, redirects, refusals.</summary>
    public static KeyValuePair<string, object?> NoSlot { get; } = new("slot", "none");

    public static KeyValuePair<string, object?> Of(SlotName slot) => _slots[(int)slot];

    public static KeyValuePair<string, object?> Of(LeaseClass @class) => _classes[(int)@class];

    public static KeyValuePair<string, object?> Code(int status) => _codes[status is >= 0 and < 600 ? status : 0];

    public static KeyValuePair<string, object?> Method(string method) => _methods.GetValueOrDefault(method, _otherMethod);
}
