using System.Globalization;
using System.Net;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>A <c>listen</c> of a server block.</summary>
/// <param name="Address"><c>*</c>: all.</param>
/// <param name="IsDefault">It says that it gets what no name is for.</param>
internal sealed record ServerPlace(bool IsTls, string Address, int Port, bool IsDefault, string? Name)
{
    private const string Any = "*";

    private static readonly string[] _plain = ["ssl", "http2", "default_server", "default", "reuseport", "deferred", "bind"];

    public string Url => string.Create(CultureInfo.InvariantCulture, $"{(IsTls ? "https" : "http")}://{Address}:{Port}");

    /// <summary>What nginx puts in front of a path that it redirects to, as a template: its own port, where that is not the scheme's.</summary>
    public string Origin => string.Create(CultureInfo.InvariantCulture, $"{{scheme}}://{{host}}{(Port == (IsTls ? 443 : 80) ? "" : $":{Port}")}");

    /// <summary>All of a block; IPv4 and IPv6 of one port are one.</summary>
    public static List<ServerPlace> Read(Directive server, ImportRemarks remarks)
    {
        var (block, before) = (server.Block ?? [], remarks.ProblemCount);
        var name = block.Where(line => line.Name == "server_name").SelectMany(line => line.Arguments).FirstOrDefault();
        var places = block.Where(line => line.Name == "listen").Select(line => Read(line, name, remarks)).OfType<ServerPlace>()
            .GroupBy(place => (place.IsTls, place.Address, place.Port))
            .Select(same => same.First() with { IsDefault = same.Any(place => place.IsDefault) }).ToList();

        // One that is not understood is a problem already; what else the block says is still to be looked at.
        return places.Count > 0 || (block.Any(line => line.Name == "listen") && remarks.ProblemCount == before) ? places
            : [new(IsTls: false, Any, 80, IsDefault: false, name)];
    }

    private static ServerPlace? Read(Directive listen, string? name, ImportRemarks remarks)
    {
        var parameters = listen.Arguments.Skip(1).ToList();
        if (listen.Arguments.Length == 0 || !TryPlace(listen.Arguments[0], out var address, out var port))
        {
            remarks.Problem(listen.At, $"'{listen}' cannot be translated: write a port, or an IP address with a port");
            return null;
        }

        if (parameters.Contains("quic"))
        {
            remarks.Note(listen.At, "quic is left out: EdgeProxy speaks HTTP/1.1 and HTTP/2, to which browsers fall back");
            return null;
        }

        if (parameters.Find(parameter => !_plain.Contains(parameter) && !IsOfSocket(parameter)) is { } foreign)
        {
            remarks.Problem(listen.At, $"{foreign} of listen cannot be translated: EdgeProxy has nothing like it; remove it");
            return null;
        }

        return new(parameters.Contains("ssl"), address, port, parameters.Contains("default_server") || parameters.Contains("default"), name);
    }

    private static bool IsOfSocket(string parameter) =>
        parameter.Split('=') is ["ipv6only" or "backlog" or "rcvbuf" or "sndbuf" or "so_keepalive" or "fastopen", _];

    private static bool TryPlace(string text, out string address, out int port)
    {
        (address, port) = (Any, 80);
        if (IsPort(text, out port))
        {
            return true;
        }

        var colon = text.LastIndexOf(':');
        var hasPort = colon > 0 && !text[colon..].Contains(']', StringComparison.Ordinal);
        (var host, port) = (hasPort ? text[..colon] : text, 80);
        if ((hasPort && !IsPort(text[(colon + 1)..], out port)) || (host != Any && !IPAddress.TryParse(host.Trim('[', ']'), out _)))
        {
            return false;
        }

        address = host is "0.0.0.0" or "[::]" ? Any : host;
        return true;

        static bool IsPort(string digits, out int port) =>
            int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;
    }
}
