using System.Net.Security;
using EdgeProxy.Tests.Proxying.Upstream;
using EdgeProxy.Tests.Sites;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Proxying.Servers;

/// <summary>YARP's own client, for servers over TLS and clusters with settings of a client: a body where there must be none reaches nobody.</summary>
public sealed class BodilessEndTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string, bool, bool> Responses =>
    [
        .. from row in ForeignBytesTests.Responses
           let status = row.Data.Item2.Split(' ')[1]
           where row.Data.Item1 == "HEAD" || status is "204" or "304"
           from isTls in new[] { false, true }
           from isLate in new[] { false, true }
           select (row.Data.Item1, row.Data.Item2, row.Data.Item3, isTls, isLate),
    ];

    /// <param name="isLate">It comes when something else is sent on the connection, or never; false: with the response.</param>
    [Theory]
    [MemberData(nameof(Responses))]
    public async Task What_comes_beyond_a_response_reaches_nobody(string method, string response, string beyond, bool isTls, bool isLate)
    {
        await using var server = Server(isTls, async (stream, cancellation) =>
        {
            while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
            {
                if (head.Contains("/next", StringComparison.Ordinal))
                {
                    await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", cancellation);
                    continue;
                }

                await RawServer.WriteAsync(stream, isLate ? response : response + beyond, cancellation);
                if (isLate)
                {
                    await RawServer.ReadHeadAsync(stream, cancellation);
                    await RawServer.WriteAsync(stream, beyond, cancellation);
                }
            }
        });
        await using var proxy = await StartAsync(server, isTls);
        for (var i = 0; i < 5; i++)
        {
            using (var request = new HttpRequestMessage(new HttpMethod(method), "/first"))
            using (var first = await proxy.Client.SendAsync(request, Cancellation))
            {
                Assert.True((int)first.StatusCode is 200 or 204 or 304, $"{first.StatusCode}");
            }

            Assert.Equal("next", await proxy.Client.GetStringAsync("/next", Cancellation));
        }
    }

    /// <summary>Also where interim responses, heads in pieces and what looks like a head in a body come between.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Other_responses_are_whole_and_leave_the_connection(bool isTls)
    {
        var body = "HTTP/1.1 204 No Content\r\n\r\n" + new string('x', 100_000);
        await using var server = Server(isTls, async (stream, cancellation) =>
        {
            while ((await RawServer.ReadHeadAsync(stream, cancellation)).Length > 0)
            {
                string[] pieces = ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r", "\n\r\nHTTP/1", $".1 200 OK\r\nContent-Length: {body.Length}\r\n\r", "\n", body];
                foreach (var piece in pieces)
                {
                    await RawServer.WriteAsync(stream, piece, cancellation);
                    await stream.FlushAsync(cancellation);
                }
            }
        });
        await using var proxy = await StartAsync(server, isTls);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(body, await proxy.Client.GetStringAsync("/", Cancellation));
        }

        Assert.Equal(1, server.Connections);
    }

    private static RawServer Server(bool isTls, Func<Stream, CancellationToken, Task> script) => new(async (stream, _, cancellation) =>
    {
        if (!isTls)
        {
            await script(stream, cancellation);
            return;
        }

        var (chain, key) = new TestAuthority().Issue(["localhost"]);
        using var certificate = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPem(chain, key);
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, cancellation);
        await script(tls, cancellation);
    });

    /// <remarks>A setting of <c>HttpClient</c> keeps the cluster off EdgeProxy's own client.</remarks>
    private static Task<DataPlane> StartAsync(RawServer server, bool isTls)
    {
        (string Key, string Value)[] cluster =
        [
            ("ReverseProxy:Clusters:other:Destinations:d:Address", (isTls ? "https" : "http") + server.Address["http".Length..]),
            ("ReverseProxy:Clusters:other:HttpClient:MaxConnectionsPerServer", "1"),
            ("ReverseProxy:Clusters:other:HttpClient:DangerousAcceptAnyServerCertificate", "true"),
        ];
        var loaded = SiteProxy.Check(
            """[ { "Hosts": "*", "Routes": [ { "Cluster": "other" } ] } ]""",
            $$""", "ReverseProxy": { "Clusters": { "other": { "Destinations": { "d": { "Address": "{{cluster[0].Value}}" } } } } }""");
        Assert.Empty(loaded.Problems);
        return DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2", own => own.Sites = loaded.Options!.Sites, cluster);
    }
}
