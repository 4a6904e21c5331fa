using System.Collections.Concurrent;
using System.Globalization;
using EdgeProxy.Demo;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>
/// gunicorn's threaded workers with kept connections and Django, which gives HEAD, 204 and 304 a body, and writes it apart from the head: no client gets what
/// somebody else has chosen. 3,000 GETs, or as many as <c>EDGEPROXY_FOREIGN_GETS</c> says.
/// </summary>
[Collection(EndToEndCollection.Name)]
public sealed class ThreadedGunicornTests : IDisposable
{
    private const int Clients = 8;

    /// <summary>The body of those that may have none is a response by itself.</summary>
    private const string App = """
        import django
        from django.conf import settings
        settings.configure(DEBUG=False, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[])
        django.setup()
        from django.http import HttpResponse
        from django.urls import re_path
        from django.core.wsgi import get_wsgi_application

        def echo(request, token):
            return HttpResponse("echo:" + token)

        def body(request, status):
            return HttpResponse("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign", status=int(status))

        urlpatterns = [re_path("^echo/(.*)$", echo), re_path("^body/(.*)$", body)]
        app = get_wsgi_application()
        """;

    private static readonly int _gets = int.Parse(
        Environment.GetEnvironmentVariable("EDGEPROXY_FOREIGN_GETS") is { Length: > 0 } gets ? gets : "3000", CultureInfo.InvariantCulture);

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nobody_gets_what_somebody_else_has_chosen(bool isUnix)
    {
        Assert.SkipWhen(await DjangoSample.ProblemAsync(Cancellation) is not null, "gunicorn and Django are not installed");
        await File.WriteAllTextAsync(_directory["app.py"], App, Cancellation);
        var bind = isUnix ? $"unix:{_directory["app.sock"]}" : $"127.0.0.1:{Backend.FreePort()}";
        using var gunicorn = Tool.Start(
            "python3",
            [
                "-m", "gunicorn", "--workers", "2", "--threads", "4", "--worker-class", "gthread", "--keep-alive", "75", "--chdir", _directory.Path, "--bind",
                bind, "app:app"],
            ("PYTHONDONTWRITEBYTECODE", "1"));
        await using var proxy = await DataPlane.StartAsync(
            isUnix ? bind : $"http://{bind}", "http://127.0.0.1:1", options => options.Upstream.ServerKeepAlive = TimeSpan.FromSeconds(75));
        Assert.Equal("echo:first", await proxy.Client.GetStringAsync("/echo/first", Cancellation)); // held until gunicorn listens

        var wrong = new ConcurrentQueue<string>();
        var (asked, start) = (0, TimeProvider.System.GetTimestamp());
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async number =>
        {
            using var client = proxy.NewClient();
            var random = new Random(number);
            for (var i = Interlocked.Increment(ref asked); i <= _gets / 2; i = Interlocked.Increment(ref asked))
            {
                await AskForABodyAsync(client, random.NextDouble());
                using var response = await client.GetAsync($"/echo/{i}", Cancellation);
                var text = await response.Content.ReadAsStringAsync(Cancellation);
                if ((int)response.StatusCode != 200 || text != $"echo:{i}")
                {
                    wrong.Enqueue($"{i}: {(int)response.StatusCode} {text}");
                }
            }
        }));

        Figures.Report(
            $"{_gets / 2} GETs to threaded gunicorn over {(isUnix ? "a Unix socket" : "TCP")}, HEAD, 204 and 304 with bodies among them: {wrong.Count} " +
                $"wrong, in {TimeProvider.System.GetElapsedTime(start).TotalSeconds:F0} s");
        Assert.Empty(wrong);
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    /// <summary>Before two of five GETs.</summary>
    private static async Task AskForABodyAsync(HttpClient client, double chance)
    {
        if (chance < 0.4)
        {
            using var request = new HttpRequestMessage(
                chance < 0.25 ? HttpMethod.Head : HttpMethod.Get, $"/body/{(chance < 0.25 ? 200 : chance < 0.33 ? 204 : 304)}");
            using var response = await client.SendAsync(request, Cancellation);
        }
    }
}
