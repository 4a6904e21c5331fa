using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary><c>proxy_set_header</c>, <c>add_header</c> and <c>proxy_hide_header</c>, each of the innermost level that has one.</summary>
internal sealed class FieldReader(ImportRemarks remarks)
{
    /// <summary>Files have it anyway.</summary>
    private const string NoSniff = "X-Content-Type-Options";

    /// <summary>What EdgeProxy does anyway, by field.</summary>
    private static readonly Dictionary<string, string[]> _done = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Host"] = ["$host", "$http_host", "$host:$server_port"],
        ["X-Forwarded-For"] = ["$proxy_add_x_forwarded_for", "$remote_addr"],
        ["X-Forwarded-Proto"] = ["$scheme"],
        ["X-Forwarded-Host"] = ["$host", "$http_host"],
        ["X-Request-ID"] = ["$request_id"],
        ["Upgrade"] = ["$http_upgrade"],
    };

    /// <summary><c>RequestHeaders</c> of a route; null: nothing is changed.</summary>
    public JsonObject? OfRequest(Level level, ProxyTarget target, ServerPlace server)
    {
        var (set, remove, hasHost) = (new JsonObject(), new JsonArray(), false);
        foreach (var line in level.All("proxy_set_header"))
        {
            if (line.Arguments is not [var field, var value])
            {
                remarks.Problem(line.At, $"'{line}' is not understood; write proxy_set_header FIELD VALUE");
                continue;
            }

            hasHost |= field.Equals("Host", StringComparison.OrdinalIgnoreCase);
            if (field.Equals("Connection", StringComparison.OrdinalIgnoreCase) || (_done.TryGetValue(field, out var values) && values.Contains(value))
                || value == $"$http_{field.Replace('-', '_').ToLowerInvariant()}")
            {
                continue; // a connection is the server's own affair
            }

            if (value.Length == 0)
            {
                remove.Add((JsonNode)JsonValue.Create(field));
            }
            else if (Variables.Translate(value, server, line.At, remarks) is { } text)
            {
                set[field] = text;
            }
        }

        if (!hasHost)
        {
            set["Host"] = target.Host; // nginx's default
        }

        return Join(("Remove", remove), ("Set", set));
    }

    /// <summary><c>Headers</c> of a route; null: nothing is changed.</summary>
    /// <param name="isFile">Files are served, whose <c>Cache-Control</c> is set otherwise.</param>
    /// <param name="isError">The status is always 400 or above.</param>
    private JsonObject? OfResponse(Level level, ServerPlace server, bool isForwarded, bool isFile, bool isError)
    {
        var (add, remove, set) = (new JsonObject(), new JsonArray(), new JsonObject());
        foreach (var line in level.All("add_header").Where(line => !(isFile && Is(line, "Cache-Control"))))
        {
            if (line.Arguments is not { Length: 2 or 3 } arguments || (arguments.Length == 3 && arguments[2] != "always"))
            {
                remarks.Problem(line.At, $"'{line}' is not understood; write add_header FIELD VALUE always");
                continue;
            }

            var (field, value) = (arguments[0], arguments[1]);
            if (field.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                if (value != "0" || isForwarded || isFile)
                {
                    remarks.Problem(line.At, $"'{line}' cannot be translated: a length is that of the body; remove the line");
                }

                continue; // for a response to OPTIONS, which has none
            }

            if (arguments.Length == 2 && isError)
            {
                continue;
            }

            if (arguments.Length == 2)
            {
                remarks.NoteOnce(line.At, "add_header", "add_header without 'always' leaves out responses of status 400 and above; here all have the field");
            }

            if (level.All("add_header").First(other => other.Arguments.Take(2).SequenceEqual(arguments.Take(2))) != line)
            {
                remarks.Problem(line.At, $"'{line}' sends {field} twice with the same value; remove one of the lines");
                continue;
            }

            if (value.Length > 0 && Variables.Translate(value, server, line.At, remarks) is { } text)
            {
                add[field] = add[field] is not { } known ? text
                    : new JsonArray([.. (known as JsonArray ?? [known.DeepClone()]).Select(one => one!.DeepClone()), text]);
            }
        }

        foreach (var field in level.All("proxy_hide_header").Where(_ => isForwarded).SelectMany(line => line.Arguments))
        {
            remove.Add((JsonNode)JsonValue.Create(field));
        }

        if (isFile && add.Where(field => field.Key.Equals(NoSniff, StringComparison.OrdinalIgnoreCase)).ToList() is [var own] && own.Value is JsonValue only)
        {
            add.Remove(own.Key);
            set[own.Key] = only.DeepClone();
        }

        return Join(("Remove", remove), ("Set", set), ("Add", add));

        static bool Is(Directive line, string field) => field.Equals(line.Arguments.FirstOrDefault(), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Adds what <c>add_header</c> and <c>proxy_hide_header</c> say.</summary>
    public JsonObject AddTo(JsonObject route, Level level, ServerPlace server, bool isForwarded)
    {
        var isError = route["Respond"]?["Status"] is { } status && (int)status >= StatusCodes.Status400BadRequest;
        if (OfResponse(level, server, isForwarded, route.ContainsKey("Files"), isError) is { } headers)
        {
            route["Headers"] = headers;
        }

        return route;
    }

    private static JsonObject? Join(params (string Key, JsonNode Part)[] parts)
    {
        var json = new JsonObject();
        foreach (var (key, part) in parts)
        {
            if (part is JsonArray { Count: > 0 } or JsonObject { Count: > 0 })
            {
                json[key] = part;
            }
        }

        return json.Count > 0 ? json : null;
    }
}
