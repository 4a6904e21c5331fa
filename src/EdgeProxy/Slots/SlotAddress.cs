using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Common;

namespace EdgeProxy.Slots;

/// <summary>Where a slot listens: a TCP endpoint (<c>http://127.0.0.1:8000</c>) or a Unix socket (<c>unix:/run/app/green.sock</c>).</summary>
internal sealed class SlotAddress
{
    private const string UnixPrefix = "unix:";

    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Allowed = "http://HOST:PORT or unix:/absolute/path";

    private readonly string _text;

    private SlotAddress(string text, EndPoint endPoint, string authority)
    {
        _text = text;
        EndPoint = endPoint;
        Authority = authority;
    }

    public EndPoint EndPoint { get; }

    /// <summary>The port, or null for a Unix socket.</summary>
    public int? Port => EndPoint switch
    {
        IPEndPoint ip => ip.Port,
        DnsEndPoint dns => dns.Port,
        _ => null,
    };

    /// <summary>What a <c>Host</c> header for this address says: <c>127.0.0.1:8000</c>, or <c>localhost</c> for a Unix socket.</summary>
    public string Authority { get; }

    /// <summary>What an app server's <c>--bind</c> takes: <c>127.0.0.1:8000</c> or <c>unix:/path</c>.</summary>
    public string BindAddress => EndPoint is UnixDomainSocketEndPoint ? _text : Authority;

    public static bool TryParse(string? text, [NotNullWhen(true)] out SlotAddress? address)
    {
        address = null;
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            var path = text[UnixPrefix.Length..];
            // sun_path holds 108 bytes with the closing NUL (unix(7)).
            if (Path.IsPathRooted(path) && path.Length < 108)
            {
                address = new SlotAddress(text, new UnixDomainSocketEndPoint(path), "localhost");
            }

            return address is not null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
        {
            return false;
        }

        // "localhost" may resolve to ::1 first, where a server bound to 127.0.0.1 does not listen.
        var host = uri.Host == "localhost" ? "127.0.0.1" : uri.DnsSafeHost;
        EndPoint endPoint = IPAddress.TryParse(host, out var ip) ? new IPEndPoint(ip, uri.Port) : new DnsEndPoint(host, uri.Port);
        address = new SlotAddress(text, endPoint, endPoint is IPEndPoint ? endPoint.ToString()! : $"{host}:{uri.Port}");
        return true;
    }

    /// <summary>Whether a connection to this address reaches a listener at <paramref name="endPoint"/> on this machine. Names are not looked
    /// up.</summary>
    public bool IsReachedAt(EndPoint endPoint) =>
        EndPoint.Equals(endPoint)
        || (EndPoint is IPEndPoint own && endPoint is IPEndPoint listening && own.Port == listening.Port && IPAddress.IsLoopback(own.Address)
            && (listening.Address.Equals(IPAddress.IPv6Any) || (listening.Address.Equals(IPAddress.Any) && own.AddressFamily == AddressFamily.InterNetwork)));

    /// <summary>Opens a connection. Fails with <see cref="SocketException"/>, also on a timeout, so that every failure to connect looks alike to the
    /// caller.</summary>
    /// <param name="timeout">How long the attempt may take.</param>
    /// <param name="time">The clock of the timeout.</param>
    /// <param name="cancellationToken">Ends the attempt with <see cref="OperationCanceledException"/>.</param>
    public ValueTask<Socket> ConnectAsync(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken) =>
        ConnectAsync(EndPoint, timeout, time, cancellationToken);

    /// <summary>Opens a connection to any endpoint, in the same way.</summary>
    public static async ValueTask<Socket> ConnectAsync(EndPoint endPoint, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var socket = endPoint is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var deadline = new Deadline(timeout, time, cancellationToken);
        try
        {
            await socket.ConnectAsync(endPoint, deadline.Token);
            // Of a connection that was reset meanwhile this fails, too. HttpClient asks the same, later, and what that throws reaches its caller as it is.
            var peer = socket.RemoteEndPoint;
            if (endPoint is not UnixDomainSocketEndPoint && peer!.Equals(socket.LocalEndPoint))
            {
                // Nobody listens there. The kernel has chosen the same port for this end, and two ends that call each other are connected (RFC 9293 section
                // 3.5).
                socket.LingerState = new LingerOption(enable: true, seconds: 0); // the port is free for the app at once
                throw new SocketException((int)SocketError.ConnectionRefused);
            }

            return socket;
        }
        catch (OperationCanceledException) when (deadline.HasPassed && !cancellationToken.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override string ToString() => _text;
}
