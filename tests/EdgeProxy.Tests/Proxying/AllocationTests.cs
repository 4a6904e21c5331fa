using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Tests.EndToEnd;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Tests.Proxying;

/// <summary>What a request costs in memory, beside YARP with one route and nothing else. In the collection that runs alone: the whole process is
/// counted.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class AllocationTests
{
    private const int Requests = 500;

    private static readonly byte[] _request = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser\r\nAccept: */*\r\n\r\n"u8.ToArray();
    private static readonly byte[] _response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"u8.ToArray();

    [Fact]
    public async Task A_request_allocates_at_most_two_KB_more_than_bare_YARP()
    {
        await using var app = new RawServer(RespondToAllAsync);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        await using var yarp = await StartYarpAsync(app.Address);
        var address = new Uri(yarp.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

        // Interleaved, and the least of several rounds: whatever else the process does only adds.
        var (own, bare) = (long.MaxValue, long.MaxValue);
        for (var round = 0; round < 20; round++)
        {
            own = Math.Min(own, Measure(proxy.Address.Port));
            bare = Math.Min(bare, Measure(address.Port));
        }

        Figures.Report(
            string.Create(CultureInfo.InvariantCulture, $"allocated a request: {own} bytes by EdgeProxy, {bare} by bare YARP (client and app included)"));
        Assert.InRange(own - bare, -bare, 2048);
    }

    /// <summary>Bytes that the process allocates for one request, all its parts together.</summary>
    private static long Measure(int port)
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(IPAddress.Loopback, port);
        Span<byte> buffer = stackalloc byte[1024];
        Ask(client, buffer); // makes the connection to the app
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < Requests; i++)
        {
            Ask(client, buffer);
        }

        return (GC.GetTotalAllocatedBytes(precise: true) - before) / Requests;
    }

    /// <summary>Synchronous: allocates nothing.</summary>
    private static void Ask(Socket client, Span<byte> buffer)
    {
        client.Send(_request);
        var count = 0;
        while (!buffer[..count].EndsWith("\r\n\r\nok"u8))
        {
            count += client.Receive(buffer[count..]) is > 0 and var more ? more : throw new IOException(Encoding.ASCII.GetString(buffer[..count]));
        }
    }

    private static async Task RespondToAllAsync(NetworkStream stream, int _, CancellationToken cancellation)
    {
        var buffer = new byte[4096];
        var count = 0;
        while (await stream.ReadAsync(buffer.AsMemory(count), cancellation) is > 0 and var more)
        {
            count += more;
            if (buffer.AsSpan(0, count).EndsWith("\r\n\r\n"u8))
            {
                count = 0;
                await stream.WriteAsync(_response, cancellation);
            }
        }
    }

    private static async Task<WebApplication> StartYarpAsync(string backend)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddReverseProxy()
            .LoadFromMemory(
                [new RouteConfig { RouteId = "app", ClusterId = "app", Match = new RouteMatch { Path = "{**all}" } }],
                [new ClusterConfig { ClusterId = "app", Destinations = new Dictionary<string, DestinationConfig> { ["app"] = new() { Address = backend } } }])
            .AddTransforms(transforms => transforms.AddOriginalHost());
        var yarp = builder.Build();
        yarp.MapReverseProxy();
        await yarp.StartAsync(TestContext.Current.CancellationToken);
        return yarp;
    }
}
