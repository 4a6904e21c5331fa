using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.NginxImport;

/// <summary>The condition of an <c>if</c>, as <c>Match</c> of a route.</summary>
internal static partial class IfCondition
{
    private const string Known = "conditions on $host, $scheme, $request_method, $uri, $remote_addr and $http_FIELD are translated; let the app do the rest";

    /// <returns>Null: a problem has said why.</returns>
    public static JsonObject? Read(Directive line, ImportRemarks remarks)
    {
        var words = Words(line.Arguments);
        var (match, fault) = words switch
        {
            [['$', .. var name]] => Read(name, "", ""),
            [['$', .. var name], "=" or "!=" or "~" or "~*" or "!~" or "!~*", var value] => Read(name, words[1], value),
            [['-', ..] or ['!', '-', ..], _] => (null, "whether a file is there is not looked at; let the app show its maintenance, or stop it and write its " +
                "page as error_page 502"),
            _ => (null, Known),
        };
        if (match is null)
        {
            remarks.Problem(line.At, $"'{line}' cannot be translated: {fault}");
        }

        return match;
    }

    /// <summary>Both hold.</summary>
    /// <returns>Null: the settings cannot say so.</returns>
    public static JsonObject? Join(JsonObject one, JsonObject other)
    {
        var joined = one.DeepClone().AsObject();
        foreach (var (key, value) in other)
        {
            if (key == "Not" && joined[key] is JsonArray not)
            {
                foreach (var element in value!.AsArray())
                {
                    not.Add(element!.DeepClone());
                }
            }
            else if (!joined.TryAdd(key, value?.DeepClone()))
            {
                return null;
            }
        }

        return joined;
    }

    /// <summary>Without the parenthesis around all, which may be a word of its own.</summary>
    private static string[] Words(string[] arguments)
    {
        if (arguments is not [['(', ..] first, ..] || !arguments[^1].EndsWith(')'))
        {
            return [];
        }

        var words = arguments.ToList();
        words[0] = first[1..];
        words[^1] = words[^1][..^1];
        return [.. words.Where((word, i) => word.Length > 0 || (i > 0 && i < words.Count - 1))];
    }

    /// <param name="test">Empty: the variable is neither empty nor 0.</param>
    private static (JsonObject? Match, string? Fault) Read(string variable, string test, string value)
    {
        var isNot = test.StartsWith('!');
        var kind = test.TrimStart('!');
        if (kind != "" && Variables.AreIn(value) && kind == "=")
        {
            return (null, "a value is compared as it is written, without variables; write it out");
        }

        var (condition, fault) = variable switch
        {
            "host" => OfHost(kind, value),
            "scheme" when kind == "=" && value is "http" or "https" => (new JsonObject { ["Scheme"] = value }, null),
            "request_method" => OfMethod(kind, value),
            "uri" or "document_uri" when kind != "" => OfRegex(kind, value, pattern => new JsonObject { ["PathRegex"] = pattern }),
            "remote_addr" when kind == "=" && IPAddress.TryParse(value, out _) => (new JsonObject { ["ClientIn"] = value }, null),
            ['h', 't', 't', 'p', '_', .. var field] => OfField(field.Replace('_', '-'), kind, value),
            _ => (null, Known),
        };
        if (condition is null || !isNot)
        {
            return (condition, fault);
        }

        var match = condition["Not"] is JsonArray twice ? twice[0]!.DeepClone().AsObject() : new JsonObject { ["Not"] = new JsonArray(condition) };
        return (match, null);
    }

    /// <summary>nginx has it in small letters and without the port; a pattern is tried on the field.</summary>
    private static (JsonObject?, string?) OfHost(string kind, string value)
    {
        if (kind == "=")
        {
            return AppHosts.IsValid(value) && !value.Any(char.IsAsciiLetterUpper) && value != AppHosts.Any ? (new JsonObject { ["Hosts"] = value }, null)
                : (null, "write a host in small letters, without a port");
        }

        if (kind == "" || !HostPattern().IsMatch(value))
        {
            return (null, @"write if ($host = NAME), or a pattern from the begin to the end of the host, such as ^(a\.test|www\.a\.test)$ or ^www\.");
        }

        var pattern = value.EndsWith('$') ? $"{value[..^1]}\\.?(:[0-9]*)?$" : value;
        return SafeRegex.FindFault(pattern) is { } fault ? (null, $"the regular expression {fault}")
            : (new JsonObject { ["HeaderRegex"] = new JsonObject { ["Host"] = $"(?i){pattern}" } }, null);
    }

    private static (JsonObject?, string?) OfMethod(string kind, string value)
    {
        var methods = kind == "=" ? [value]
            : MethodPattern().Match(value) is { Success: true } match ? match.Groups["one"].Captures.Select(one => one.Value) : [];
        return kind is "=" or "~" or "~*" && methods.Any() && methods.All(method => method.All(char.IsAsciiLetterUpper))
            ? (new JsonObject { ["Methods"] = LocationRoutes.List(methods) }, null)
            : (null, "write if ($request_method = POST), or the whole methods, as ^(GET|HEAD|POST)$");
    }

    private static (JsonObject?, string?) OfField(string field, string kind, string value)
    {
        if (RequestFields.AreRemoved(field))
        {
            return (null, $"{field} is not believed, as clients can write it themselves: name the proxy in front with TrustedProxies in the settings, and " +
                "write if ($scheme = http), which is what the client has then");
        }

        return kind switch
        {
            "" => (Test("^([^0]|0.)"), null),
            "=" when value.Length == 0 => (new JsonObject { ["Not"] = new JsonArray(Test(".")) }, null),
            _ => OfRegex(kind, value, Test),
        };

        JsonObject Test(string pattern) => new() { ["HeaderRegex"] = new JsonObject { [field] = pattern } };
    }

    private static (JsonObject?, string?) OfRegex(string kind, string value, Func<string, JsonObject> test)
    {
        var pattern = kind == "=" ? $"^{Location.Escape(value)}$" : Location.OfPcre(value, ignoresCase: kind == "~*");
        if (SafeRegex.FindFault(pattern) is { } fault)
        {
            return (null, $"the regular expression {fault}; write a simpler one");
        }

        return SafeRegex.Parse(pattern).IsMatch("") && kind != "=" ? (null, "the regular expression is also found in an empty text; write one that is not")
            : (test(pattern), null);
    }

    /// <summary>From the begin on, and to the end or to where anything may follow: what is behind is a port.</summary>
    [GeneratedRegex(@"^\^(?:(?:[A-Za-z0-9.()|-]|\\[.-]|\.[*+])*\$|(?:[A-Za-z0-9()|-]|\\[.-])*?(?:\(?\.\*\)?|\\\.\(?\.\+\)?)?)\z")]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"^\^(?:(?<one>[A-Z]+)|\((?:\?:)?(?<one>[A-Z]+)(?:\|(?<one>[A-Z]+))*\))\$\z")]
    private static partial Regex MethodPattern();
}
