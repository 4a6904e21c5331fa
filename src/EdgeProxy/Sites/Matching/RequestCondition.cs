using System.Net;
using System.Text.RegularExpressions;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;

namespace EdgeProxy.Sites.Matching;

/// <summary>Conditions on a request, prepared at the start. Immutable; to compare allocates nothing, but for
/// files whose names have the path of the request.</summary>
internal sealed class RequestCondition
{
    private readonly PathPattern[] _paths;
    private readonly string[] _hosts;
    private readonly string[] _methods;
    private readonly FieldTest[] _headers;
    private readonly FieldTest[] _query;
    private readonly Regex[] _pathRegexes;
    private readonly (string Field, Regex[] Regexes)[] _headerRegexes;
    private readonly FileTest[] _files;
    private readonly IPNetwork[] _clients;
    private readonly string? _scheme;

    /// <param name="options">Checked.</param>
    /// <param name="paths">Null or empty: every path.</param>
    public RequestCondition(ConditionOptions options, TextList? paths)
    {
        _paths = [.. (paths ?? []).Select(PathPattern.Parse)];
        _hosts = [.. options.Hosts ?? []];
        _methods = [.. options.Methods ?? []];
        _headers = [.. (options.Headers ?? []).Select(field => new FieldTest(field.Key, field.Value))];
        _query = [.. (options.Query ?? []).Select(parameter => new FieldTest(parameter.Key, parameter.Value))];
        _pathRegexes = Regexes(options.PathRegex);
        _headerRegexes = [.. (options.HeaderRegex ?? []).Select(field => (field.Key, Regexes(field.Value)))];
        _files = [.. (options.FileExists ?? []).Select(pattern => new FileTest(pattern))];
        _clients = Networks(options.ClientIn);
        _scheme = options.Scheme;
    }

    /// <summary>Nothing but paths is looked at.</summary>
    private bool HasPathsOnly =>
        _hosts.Length + _methods.Length + _headers.Length + _query.Length + _clients.Length + _pathRegexes.Length + _headerRegexes.Length
            + _files.Length == 0
        && _scheme is null;

    public static IPNetwork[] Networks(TextList? entries) =>
        [.. (entries ?? []).Select(entry => TrustedProxies.TryParse(entry, out var network) ? network : throw new FormatException(entry))];

    /// <summary>The client of a request, as trusted proxies say. A peer on a Unix socket has no address and is in no network.</summary>
    public static bool IsIn(IPNetwork[] networks, IPAddress? client)
    {
        foreach (var network in networks)
        {
            if (client is not null && network.Contains(client))
            {
                return true;
            }
        }

        return false;
    }

    public bool Holds(HttpContext context, in RequestPath path) => HoldsPath(path)
        && (HasPathsOnly || (HoldsRest(context) && HoldsRegexes(context, path) && HoldsFiles(context)));

    private bool HoldsPath(in RequestPath path)
    {
        foreach (var pattern in _paths)
        {
            if (pattern.Matches(path))
            {
                return true;
            }
        }

        return _paths.Length == 0;
    }

    private bool HoldsRest(HttpContext context)
    {
        var request = context.Request;
        return (_methods.Length == 0 || Array.IndexOf(_methods, request.Method) >= 0)
            && (_scheme is null || _scheme == request.Scheme)
            && (_hosts.Length == 0 || HoldsHost(AppHosts.Of(request)))
            && (_clients.Length == 0 || IsIn(_clients, context.Connection.RemoteIpAddress))
            && HoldsHeaders(request.Headers)
            && (_query.Length == 0 || HoldsQuery(request.QueryString.Value));
    }

    private static Regex[] Regexes(TextList? patterns) => [.. (patterns ?? []).Select(SafeRegex.Parse)];

    private bool HoldsRegexes(HttpContext context, in RequestPath path)
    {
        if (_pathRegexes.Length > 0 && !IsFoundIn(_pathRegexes, path.Whole))
        {
            return false;
        }

        foreach (var (field, regexes) in _headerRegexes)
        {
            var holds = false;
            foreach (var value in context.Request.Headers[field])
            {
                holds |= IsFoundIn(regexes, value);
            }

            if (!holds)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The groups of the first regular expression that is found in a path, the whole first.</summary>
    /// <returns>Empty: there is none.</returns>
    public IReadOnlyList<string> Captures(string path)
    {
        foreach (var regex in _pathRegexes)
        {
            if (regex.Match(path) is { Success: true } found)
            {
                return [.. found.Groups.Values.Select(group => group.Value)];
            }
        }

        return [];
    }

    /// <remarks>Last, as the disk is looked at. That is for a name in the kernel's memory mostly, and takes some microseconds.</remarks>
    private bool HoldsFiles(HttpContext context)
    {
        foreach (var file in _files)
        {
            if (file.Holds(context))
            {
                return true;
            }
        }

        return _files.Length == 0;
    }

    private static bool IsFoundIn(Regex[] regexes, ReadOnlySpan<char> text)
    {
        foreach (var regex in regexes)
        {
            if (regex.IsMatch(text))
            {
                return true;
            }
        }

        return false;
    }

    private bool HoldsHost(ReadOnlySpan<char> host)
    {
        foreach (var pattern in _hosts)
        {
            if (SiteHosts.Matches(pattern, host))
            {
                return true;
            }
        }

        return false;
    }

    private bool HoldsHeaders(IHeaderDictionary headers)
    {
        foreach (var test in _headers)
        {
            var holds = false;
            foreach (var value in headers[test.Name])
            {
                holds |= test.Holds(value);
            }

            if (!holds)
            {
                return false;
            }
        }

        return true;
    }

    /// <remarks>The first value of a name counts, as in Caddy.</remarks>
    private bool HoldsQuery(string? query)
    {
        foreach (var test in _query)
        {
            var holds = false;
            foreach (var parameter in new Microsoft.AspNetCore.WebUtilities.QueryStringEnumerable(query))
            {
                if (parameter.DecodeName().Span.SequenceEqual(test.Name))
                {
                    holds = test.Holds(parameter.DecodeValue().Span);
                    break;
                }
            }

            if (!holds)
            {
                return false;
            }
        }

        return true;
    }
}
