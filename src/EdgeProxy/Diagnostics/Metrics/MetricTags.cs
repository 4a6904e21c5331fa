using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>Labels, made once: a request allocates none.</summary>
/// <remarks>Their values come from short lists, never from what a client sends: each new value would be a new series, for ever.</remarks>
internal static class MetricTags
{
    /// <summary>Status codes: 0 to one less than this. Any other is counted as 0.</summary>
    public const int Codes = 600;

    private static readonly KeyValuePair<string, object?>[] _slots = [
        .. SlotNameExtensions.All.Select(slot => new KeyValuePair<string, object?>("slot", slot.ToKey()))];
    private static readonly KeyValuePair<string, object?>[] _classes = [new("class", "http"), new("class", "stream"), new("class", "webSocket")];
    private static readonly KeyValuePair<string, object?>[] _codes =
        [.. Enumerable.Range(0, Codes)
            .Select(code => new KeyValuePair<string, object?>("code", code.ToString(System.Globalization.CultureInfo.InvariantCulture)))];

    private static readonly string[] _methodNames = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    // OpenTelemetry's word
    private static readonly KeyValuePair<string, object?>[] _methods = [
        .. _methodNames.Append("_OTHER").Select(method => new KeyValuePair<string, object?>("method", method))];

    /// <summary>Methods that are told apart, and one for all others.</summary>
    public static int Methods => _methods.Length;

    /// <summary>The app was not asked: static files, redirects, refusals.</summary>
    public static KeyValuePair<string, object?> NoSlot { get; } = new("slot", "none");

    /// <summary>The app was not asked, or the request was none of an app.</summary>
    public static KeyValuePair<string, object?> NoApp { get; } = new("app", "none");

    public static KeyValuePair<string, object?> Of(AppIdentity app) => new("app", app.Name);

    public static KeyValuePair<string, object?> Of(SlotName slot) => _slots[(int)slot];

    public static KeyValuePair<string, object?> Of(LeaseClass @class) => _classes[(int)@class];

    public static KeyValuePair<string, object?> Code(int status) => _codes[status];

    public static KeyValuePair<string, object?> MethodAt(int index) => _methods[index];

    /// <summary>The place of a method among <see cref="Methods"/>.</summary>
    public static int IndexOfMethod(string method) => Array.IndexOf(_methodNames, method) is >= 0 and var index ? index : _methodNames.Length;
}
