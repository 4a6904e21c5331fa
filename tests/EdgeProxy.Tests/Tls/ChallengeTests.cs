using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Tls;

/// <summary>What an authority sees while a challenge is pending, and what nobody else does.</summary>
public sealed class ChallengeTests
{
    private const string Name = "shop.example.com";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_authority_sees_the_proof_and_clients_at_the_same_instant_do_not()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint");

        await using var authority = await TlsClient.ConnectAsync(site.Port, Name, root: null, ChallengeCertificate.Protocol);
        await using var client = await TlsClient.ConnectAsync(
            site.Port, Name, site.Authority.Root, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11);
        await using var plain = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);

        Assert.Equal(ChallengeCertificate.Protocol, authority.NegotiatedApplicationProtocol);
        Assert.Equal(SslApplicationProtocol.Http2, client.NegotiatedApplicationProtocol);
        var shown = new System.Security.Cryptography.X509Certificates.X509Certificate2(authority.RemoteCertificate!);
        var proof = shown.Extensions["1.3.6.1.5.5.7.1.31"]!;
        Assert.True(proof.Critical);
        Assert.Equal([4, 32, .. SHA256.HashData("token.thumbprint"u8)], proof.RawData); // RFC 8737 section 3: an OCTET STRING
        Assert.True(shown.MatchesHostname(Name));
        Assert.Equal(shown.Subject, shown.Issuer);
    }

    [Fact]
    public async Task The_connection_of_an_authority_carries_no_http()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint");
        await using var authority = await TlsClient.ConnectAsync(site.Port, Name, root: null, ChallengeCertificate.Protocol);

        var response = "";
        try
        {
            await authority.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {Name}\r\n\r\n"), Cancellation);
            using var reader = new StreamReader(authority);
            response = await reader.ReadToEndAsync(Cancellation).WaitAsync(Eventually.Patience, Cancellation);
        }
        catch (IOException)
        {
            // Cut: just as good.
        }

        Assert.Equal("", response);
    }

    [Theory]
    [InlineData(false, Name)]
    [InlineData(true, "other.example.com")]
    public async Task Without_a_challenge_for_the_name_its_protocol_is_refused(bool isPending, string pendingName)
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = isPending ? site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, pendingName, "token", "token.thumbprint") : null;

        var refusal = await Assert.ThrowsAsync<AuthenticationException>(
            () => TlsClient.ConnectAsync(site.Port, Name, root: null, ChallengeCertificate.Protocol));

        Assert.Contains("no application protocol", refusal.ToString(), StringComparison.Ordinal); // RFC 7301 section 3.2
    }

    [Fact]
    public async Task A_name_without_certificate_has_its_first_one_proved_all_the_same()
    {
        await using var site = await TlsSite.StartAsync(["other.example.com"]);
        using (site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint"))
        {
            await using var authority = await TlsClient.ConnectAsync(site.Port, Name, root: null, ChallengeCertificate.Protocol);
            await Assert.ThrowsAsync<AuthenticationException>(() => TlsClient.ConnectAsync(site.Port, Name, root: null));
        }

        await Assert.ThrowsAsync<AuthenticationException>(() => TlsClient.ConnectAsync(site.Port, Name, root: null, ChallengeCertificate.Protocol));
    }

    /// <summary>One byte at a time, or nothing at all: a pending challenge costs a slow client nothing, and it costs nobody anything.</summary>
    [Fact]
    public async Task Slow_and_silent_clients_are_served_or_dropped_as_ever()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint");
        using var silent = new TcpClient();
        await silent.ConnectAsync("127.0.0.1", site.Port, Cancellation);

        await using var slow = await TlsClient.HandshakeAsync(await OpenSlowlyAsync(), Name, site.Authority.Root);
        await using var slowAuthority = await TlsClient.HandshakeAsync(await OpenSlowlyAsync(), Name, root: null, ChallengeCertificate.Protocol);

        Assert.Equal(ChallengeCertificate.Protocol, slowAuthority.NegotiatedApplicationProtocol);
        // the handshake's own limit
        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1], Cancellation).AsTask().WaitAsync(Eventually.Patience, Cancellation));

        async Task<SplittingStream> OpenSlowlyAsync() => new(await OpenAsync(site.Port), int.MaxValue, byteByByte: true);
    }

    public static TheoryData<string, byte[]> Junk() => new()
    {
        { "plain HTTP", "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"u8.ToArray() },
        { "a record that says it is longer than any", [22, 3, 1, 0xFF, 0xFF, .. new byte[70_000]] },
        { "an empty record", [22, 3, 1, 0, 0] },
        { "lengths that point nowhere", [22, 3, 1, 0, 44, 1, 0, 0, 40, 3, 3, .. new byte[32], 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] },
    };

    [Theory]
    [MemberData(nameof(Junk))]
    public async Task Junk_ends_its_own_connection_only(string what, byte[] junk)
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint");

        try
        {
            await TlsClient.SendAsync(site.Port, junk);
        }
        catch (IOException)
        {
            // A reset is an end, too.
        }

        await using var client = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);
        Assert.True(client.IsAuthenticated, what);
    }

    [Fact]
    public async Task The_offer_is_found_in_pieces_of_any_size()
    {
        var authority = await TlsClient.ClientHelloAsync(Name, SslApplicationProtocol.Http11, ChallengeCertificate.Protocol);
        var client = await TlsClient.ClientHelloAsync(Name, SslApplicationProtocol.Http2, new SslApplicationProtocol("acme-tls/2"));
        var silent = await TlsClient.ClientHelloAsync(Name);

        foreach (var (hello, expected) in ((byte[], bool)[])[(authority, true), (client, false), (silent, false)])
        {
            for (var length = 0; length < hello.Length; length++)
            {
                Assert.False(ClientHello.OffersAcme(new ReadOnlySequence<byte>(hello, 0, length)));
                Assert.Equal(expected, ClientHello.OffersAcme(Split(hello, length)));
            }
        }
    }

    /// <summary>Whatever is broken in it, the look ends without an exception, and with the same result however the bytes lie in memory.</summary>
    [Property(MaxTest = 2000)]
    public void No_bytes_break_the_look(byte[] tail, ushort position, byte value)
    {
        var hello = _hello.ToArray();
        hello[position % hello.Length] = value;

        foreach (var bytes in (byte[][])[hello, [22, 3, 1, .. tail], [22, 3, 1, (byte)(tail.Length >> 8), (byte)tail.Length, 1, .. tail]])
        {
            var whole = ClientHello.OffersAcme(new ReadOnlySequence<byte>(bytes));
            Assert.Equal(whole, ClientHello.OffersAcme(Split(bytes, position % bytes.Length)));
        }
    }

    private static readonly byte[] _hello = TlsClient.ClientHelloAsync(Name, ChallengeCertificate.Protocol).GetAwaiter().GetResult();

    [Theory]
    [InlineData("/.well-known/acme-challenge/token-1", "200 token-1.thumbprint")]
    [InlineData("/.well-known/acme-challenge/token-2", "200 the app")]
    [InlineData("/.well-known/acme-challenge/", "200 the app")]
    [InlineData("/.well-known/acme-challenge", "200 the app")]
    [InlineData("/.well-known/acme-challenge/token-1/", "200 the app")]
    [InlineData("/.well-known/acme-challenge/x/token-1", "200 the app")]
    [InlineData("/x/.well-known/acme-challenge/token-1", "200 the app")]
    [InlineData("/.WELL-KNOWN/acme-challenge/token-1", "200 the app")]
    [InlineData("/.well-known/acme-challenge/../acme-challenge/token-1", "200 token-1.thumbprint")] // resolved before: the same resource
    [InlineData("/.well-known/acme-challenge/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "400 ")]
    public async Task Only_an_awaited_token_gets_its_proof_before_all_else(string path, string expected)
    {
        await using var site = await TlsSite.StartAsync(["other.example.com"], configure: options => options.TrustedProxies = []);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.Http01, Name, "token-1", "token-1.thumbprint");

        Assert.StartsWith(expected, await AskAsync(site.Proxy.Address.Port, path, Name), StringComparison.Ordinal);
    }

    /// <summary>An authority follows redirects, but need not: the response comes before the redirect and before the filter of hosts.</summary>
    [Fact]
    public async Task The_response_comes_before_redirect_and_host_filter_and_is_gone_after()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using (site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.Http01, Name, "token", "token.thumbprint"))
        {
            Assert.Equal("200 token.thumbprint", await AskAsync(site.Proxy.Address.Port, "/.well-known/acme-challenge/token", Name));
            Assert.StartsWith("308 ", await AskAsync(site.Proxy.Address.Port, "/.well-known/acme-challenge/other", Name), StringComparison.Ordinal);
        }

        Assert.StartsWith("308 ", await AskAsync(site.Proxy.Address.Port, "/.well-known/acme-challenge/token", Name), StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(int port, string path, string host)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port, Cancellation);
        await using var stream = client.GetStream();
        await RawServer.WriteAsync(stream, $"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", Cancellation);
        using var reader = new StreamReader(stream);
        var response = await reader.ReadToEndAsync(Cancellation).Within();
        var body = response[(response.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        return $"{response.Split(' ')[1]} {(body.StartsWith("7\r\n", StringComparison.Ordinal) ? body.Split("\r\n")[1] : body)}";
    }

    private static async Task<NetworkStream> OpenAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port, Cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static ReadOnlySequence<byte> Split(byte[] bytes, int at)
    {
        var first = new Segment(bytes.AsMemory(0, at), next: null, 0);
        var second = new Segment(bytes.AsMemory(at), next: null, at);
        first.Append(second);
        return new ReadOnlySequence<byte>(first, 0, second, bytes.Length - at);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? next, long index) => (Memory, Next, RunningIndex) = (memory, next, index);

        public void Append(Segment next) => Next = next;
    }
}
