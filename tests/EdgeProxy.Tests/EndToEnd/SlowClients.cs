using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Four slow clients for each of three sync workers, and what others get meanwhile.</summary>
internal static class SlowClients
{
    public const int Count = 12;

    private const int DownloadLength = 40_000_000;

    /// <summary>The sample project, and a response of 40 MB: its first million bytes repeat the number 0 in four bytes, the second 1, and so on.</summary>
    private const string App = """
        from sample.wsgi import application as django

        def application(environ, start_response):
            if environ["PATH_INFO"] != "/large":
                return django(environ, start_response)
            start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", "40000000")])
            return (block.to_bytes(4, "little") * 250_000 for block in range(40))

        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<Vps> StartAsync(string settings = "")
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var vps = await Vps.StartAsync(new AppUnits(Workers: 3), settings);
        await vps.Lab.WriteFileAsync("/srv/app/large.py", App);
        foreach (var slot in SlotNameExtensions.All)
        {
            await vps.ChangeUnitAsync(slot, $"""
                [Service]
                ExecStart=
                ExecStart=/usr/bin/gunicorn --preload --workers 3 --bind 127.0.0.1:{vps.PortOf(slot)} --timeout 120 --graceful-timeout 10 large:application

                """);
        }

        await vps.SystemctlAsync("restart", Vps.UnitOf(SlotName.Blue));
        return vps;
    }

    /// <summary>Three workers that each waited for a slow client would serve nobody: this bound is the tests' own, not a measurement.</summary>
    /// <returns>How long each of the requests took.</returns>
    public static async Task<List<TimeSpan>> MeasureOthersAsync(HttpClient others, int count = 1_000)
    {
        var took = new List<TimeSpan>(count);
        for (var i = 0; i < count; i++)
        {
            took.Add(await TimeAsync(others));
        }

        return took;
    }

    /// <summary>The first requests of a new process are slower, of the app's three workers as of a proxy: they are no part of what is compared.</summary>
    public static Task WarmUpAsync(HttpClient others) => MeasureOthersAsync(others, count: 300);

    /// <summary>Switches while others are served.</summary>
    /// <returns>How long their requests took, and how long the switch.</returns>
    public static async Task<(List<TimeSpan> Others, TimeSpan Took)> SwitchAsync(Vps vps, HttpClient others)
    {
        var start = TimeProvider.System.GetTimestamp();
        var switching = vps.SwitchAsync().Within();
        var took = new List<TimeSpan>();
        while (!switching.IsCompleted)
        {
            took.Add(await TimeAsync(others));
        }

        var (_, ended) = await switching;
        var lasted = TimeProvider.System.GetElapsedTime(start);
        Assert.Equal(nameof(SwitchOutcome.Completed), ended.Outcome());
        // A client that is waited for would make it as long as the deadline, 150 s.
        Assert.InRange(ended.Phase(SwitchPhase.Drain).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(20));
        return (took, lasted);
    }

    public static string P99(List<TimeSpan> took) => string.Create(
        CultureInfo.InvariantCulture, $"{took.Order().ElementAt((int)(took.Count * 0.99)).TotalMilliseconds:F1} ms");

    /// <summary>The same clients with nginx in front of the same workers, in the same run.</summary>
    /// <param name="begin">Begins with slow requests, and returns how they end.</param>
    /// <returns>The 99th percentile of others' GETs without them and meanwhile.</returns>
    public static async Task<string> ThroughNginxAsync(Vps vps, Func<HttpClient, Task<Func<Task>>> begin)
    {
        if (!File.Exists("/usr/sbin/nginx"))
        {
            return "is not here";
        }

        using var directory = new TemporaryDirectory();
        var (port, app) = (Backend.FreePort(), vps.PortOf(await vps.ActiveSlotAsync()));
        await File.WriteAllTextAsync(directory["nginx.conf"], $$"""
            daemon off; worker_processes 2; pid {{directory["pid"]}}; error_log {{directory["error.log"]}};
            events { worker_connections 1024; }
            http {
              access_log off; client_max_body_size 0; client_body_temp_path {{directory["body"]}}; proxy_temp_path {{directory["proxy"]}};
              fastcgi_temp_path {{directory["fastcgi"]}}; uwsgi_temp_path {{directory["uwsgi"]}}; scgi_temp_path {{directory["scgi"]}};
              server { listen 127.0.0.1:{{port}}; location / { proxy_pass http://127.0.0.1:{{app}}; proxy_set_header Host $host; } }
            }
            """, Cancellation);
        _ = await Tool.RunAsync("chmod", ["755", directory.Path]);
        using var nginx = Tool.Start("nginx", ["-c", directory["nginx.conf"]]);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await Eventually.TrueAsync(async () => await IsServedAsync(client), "nginx serves");
        await WarmUpAsync(client);
        var alone = await MeasureOthersAsync(client);
        var end = await begin(client);
        await WarmUpAsync(client); // the app serves in order of arrival: it has given the slow ones' responses then
        var beside = await MeasureOthersAsync(client);
        await end();
        return $"{P99(alone)}, {P99(beside)}";
    }

    public static async Task<bool> IsServedAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync("/", Cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public static async Task<Func<Task>> BeginUploadsAsync(HttpClient client, byte[] body, string slot)
    {
        var uploads = Enumerable.Range(0, Count).Select(_ => new GatedUpload(body)).ToList();
        var responses = uploads.ConvertAll(upload => client.PostAsync("/hash", upload, Cancellation));
        await Task.WhenAll(uploads.Select(upload => upload.HalfSent)).Within();
        return async () =>
        {
            uploads.ForEach(upload => upload.SendTheRest());
            foreach (var response in await Task.WhenAll(responses).Within())
            {
                await AssertHashAsync(response, body);
                Assert.Equal(slot, response.Headers.GetValues("X-Slot").Single());
                response.Dispose();
            }
        };
    }

    public static async Task AssertHashAsync(HttpResponseMessage response, byte[] body)
    {
        using var hash = JsonDocument.Parse(await response.Content.ReadAsStreamAsync(Cancellation));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), hash.RootElement.GetProperty("sha256").GetString());
    }

    public static HttpClient NewSlowReader(Uri address) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = address };

    public static Task<HttpResponseMessage[]> BeginDownloadsAsync(HttpClient client) => Task.WhenAll(
        Enumerable.Range(0, Count).Select(_ => client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead, Cancellation))).Within();

    public static async Task AssertWholeAsync(HttpResponseMessage[] downloads)
    {
        var expected = Convert.ToHexString(
            SHA256.HashData(Enumerable.Range(0, DownloadLength / 4).SelectMany(number => BitConverter.GetBytes(number / 250_000)).ToArray()));
        foreach (var response in downloads)
        {
            await using var download = await response.Content.ReadAsStreamAsync(Cancellation);
            Assert.Equal(expected, Convert.ToHexString(await SHA256.HashDataAsync(download, Cancellation)));
            response.Dispose();
        }
    }

    public static Task<double> SpooledAsync(Vps vps, string place = "disk") => ValueAsync(vps, "edgeproxy_spool_used_bytes{", place);

    public static async Task<double> ValueAsync(Vps vps, string metric, string label)
    {
        var metrics = await vps.Admin.GetStringAsync("/metrics", Cancellation);
        var line = metrics.Split('\n').Single(
            line => line.StartsWith(metric, StringComparison.Ordinal) && line.Contains($"\"{label}\"", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static async Task<TimeSpan> TimeAsync(HttpClient others)
    {
        var start = TimeProvider.System.GetTimestamp();
        using var response = await others.GetAsync("/", Cancellation).Within();
        Assert.True(response.IsSuccessStatusCode);
        return TimeProvider.System.GetElapsedTime(start);
    }
}
