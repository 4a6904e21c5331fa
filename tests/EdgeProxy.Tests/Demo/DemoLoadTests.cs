using System.Net;
using EdgeProxy.Demo;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Demo;

/// <summary>The demo proves something only if its load notices what goes wrong.</summary>
public sealed class DemoLoadTests
{
    [Fact]
    public async Task A_sound_app_shows_no_failure()
    {
        await using var sample = await Sample.StartAsync();
        var tally = new LoadTally(_ => { });

        await using (new DemoLoad(new Uri(sample.Url), tally, TimeProvider.System))
        {
            await Eventually.TrueAsync(() => tally.Total.Requests > 50, "requests");
        }

        Assert.Equal(0, tally.Total.Failures);
        Assert.True(tally.Take() is { Requests: > 50, Failures: 0 } result && result.P99 > TimeSpan.Zero);
        Assert.Equal(new LoadResult(0, 0, TimeSpan.Zero), tally.Take());
    }

    [Fact]
    public async Task An_error_and_a_body_that_was_changed_on_the_way_are_failures()
    {
        await using var app = Responding(context =>
        {
            context.Response.StatusCode = context.Request.Method == "POST" ? 200 : 503;
            return context.Response.WriteAsync("""{"sha256":"00","length":1}""");
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        var failures = new List<string>();
        var tally = new LoadTally(failure =>
        {
            lock (failures)
            {
                failures.Add(failure);
            }
        });

        await using (new DemoLoad(new Uri(app.Urls.Single()), tally, TimeProvider.System))
        {
            await Eventually.TrueAsync(() => tally.Total.Requests > 20, "requests");
        }

        Assert.Equal(tally.Total.Requests, tally.Total.Failures);
        Assert.Contains(
            failures, failure => failure.StartsWith("POST /hash over a new connection: the body did not arrive as it was sent", StringComparison.Ordinal));
        Assert.Contains(failures, failure => failure.StartsWith("GET / over a kept connection: status 503", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_response_is_a_failure()
    {
        var sample = await Sample.StartAsync();
        var url = new Uri(sample.Url);
        await sample.DisposeAsync();
        var tally = new LoadTally(_ => { });

        await using (new DemoLoad(url, tally, TimeProvider.System))
        {
            await Eventually.TrueAsync(() => tally.Total.Failures > 5, "failures");
        }

        Assert.Equal(tally.Total.Requests, tally.Total.Failures);
    }

    private static WebApplication Responding(RequestDelegate response)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(response);
        return app;
    }
}
