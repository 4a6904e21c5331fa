using System.Net;
using EdgeProxy.Demo;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Builder;

namespace EdgeProxy.Tests.Support;

/// <summary>The sample backend on a port of its own, in this process.</summary>
internal sealed class Sample : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Sample(WebApplication app) => _app = app;

    /// <summary>E.g. <c>http://127.0.0.1:40123</c>.</summary>
    public string Url => _app.Urls.Single();

    public static async Task<Sample> StartAsync(SlotName slot = SlotName.Blue)
    {
        var app = SampleBackend.Build(slot, kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new Sample(app);
    }

    public Task StopAsync() => _app.StopAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
