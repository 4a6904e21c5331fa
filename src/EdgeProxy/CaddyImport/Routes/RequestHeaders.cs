using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>header_up</c>: what EdgeProxy does anyway is left out.</summary>
internal static class RequestHeaders
{
    private static readonly Dictionary<string, string[]> _done = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Host"] = ["{host}", "{hostport}", "{http.request.host}", "{http.request.hostport}", "{>Host}", "{http.request.header.Host}"],
        ["X-Forwarded-Host"] = ["{host}", "{hostport}", "{http.request.host}", "{http.request.hostport}"],
        ["X-Forwarded-For"] = ["{remote_host}", "{http.request.remote.host}", "{client_ip}", "{http.vars.client_ip}"],
        ["X-Forwarded-Proto"] = ["{scheme}", "{http.request.scheme}"],
        ["X-Request-ID"] = ["{uuid}", "{http.request.uuid}"],
        ["Connection"] = ["{>Connection}", "{http.request.header.Connection}"],
        ["Upgrade"] = ["{>Upgrade}", "{http.request.header.Upgrade}"],
    };

    /// <summary>Set by <c>reverse_proxy</c> itself, before <c>header_up</c>.</summary>
    public static bool IsOfProxy(string field) => field.TrimStart('+', '-').StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the line sets a field to what it is.</summary>
    public static bool IsDone(Statement line) => line.Arguments is [var field, var value]
        && ((_done.TryGetValue(field.Text, out var values) && values.Contains(value.Text)) || IsItself(field.Text, value.Text));

    private static bool IsItself(string field, string value) =>
        value.Equals($"{{header.{field}}}", StringComparison.OrdinalIgnoreCase)
        || value.Equals($"{{http.request.header.{field}}}", StringComparison.OrdinalIgnoreCase)
        || value.Equals($"{{>{field}}}", StringComparison.OrdinalIgnoreCase);
}
