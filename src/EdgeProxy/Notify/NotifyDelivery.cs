using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Processes;

namespace EdgeProxy.Notify;

/// <summary>Makes one try to tell a receiver: a POST, or a command.</summary>
internal sealed class NotifyDelivery(CommandRunner runner, TimeProvider time) : IDisposable
{
    /// <summary>Of a response no more is read.</summary>
    private const int LongestResponse = 64 * 1024;

    private readonly Lazy<HttpClient> _http = new(() => new HttpClient(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // a message, and its signature, are for nobody else
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5), // names may move
        MaxResponseHeadersLength = 16,
    })
    {
        Timeout = System.Threading.Timeout.InfiniteTimeSpan, // ours has the clock of tests
    });

    /// <returns>Why it was not told, for people and without the URL, which may be a secret; null: it was.</returns>
    /// <exception cref="OperationCanceledException">The proxy stops.</exception>
    public Task<string?> SendAsync(ReceiverOptions receiver, NotifyMessage message, CancellationToken stopping) =>
        receiver.Url is null ? RunAsync(receiver, message, stopping) : PostAsync(receiver, message, stopping);

    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }
    }

    private async Task<string?> PostAsync(ReceiverOptions receiver, NotifyMessage message, CancellationToken stopping)
    {
        using var budget = new Deadline(receiver.Timeout, time, stopping);
        try
        {
            byte[]? key = null;
            if (receiver.SecretFile is { } file && NotifySecret.Read(file, out key) is { } problem)
            {
                return $"its SecretFile {problem}";
            }

            using var request = Create(receiver, message, key);
            // The status decides: a body that is long, slow or without an end is not waited for.
            using var response = await _http.Value.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, budget.Token);
            return !response.IsSuccessStatusCode ? $"it responded with {(int)response.StatusCode}"
                : receiver.Format is NotifyFormat.DingTalk or NotifyFormat.WeCom ? await ReadProblemAsync(response, budget.Token)
                : null;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return $"it did not respond within {receiver.Timeout.TotalSeconds:0.###} s";
        }
        catch (HttpRequestException e)
        {
            return $"{e.HttpRequestError}: {e.InnerException?.Message ?? e.Message}";
        }
    }

    private HttpRequestMessage Create(ReceiverOptions receiver, NotifyMessage message, byte[]? key)
    {
        var body = NotifyBodies.Of(receiver.Format, message);
        var url = receiver.Format == NotifyFormat.DingTalk && key is not null ? SignedForDingTalk(receiver.Url!, key) : receiver.Url!;
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("EdgeProxy", null));
        if (receiver.Format == NotifyFormat.Json)
        {
            // standardwebhooks.com: HMAC-SHA256 of "id.timestamp.body"; libraries for it refuse what is older than five minutes.
            var timestamp = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            request.Headers.Add("webhook-id", message.Id);
            request.Headers.Add("webhook-timestamp", timestamp);
            if (key is not null)
            {
                byte[] signed = [.. Encoding.UTF8.GetBytes($"{message.Id}.{timestamp}."), .. body];
                request.Headers.Add("webhook-signature", $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}");
            }
        }

        return request;
    }

    /// <summary>Security setting "加签" of a robot: HMAC-SHA256 of the time in milliseconds, a line feed and the secret, by the secret.</summary>
    private string SignedForDingTalk(string url, byte[] key)
    {
        var timestamp = time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{timestamp}\n"), .. key];
        var signature = Uri.EscapeDataString(Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
        return $"{url}{(url.Contains('?', StringComparison.Ordinal) ? '&' : '?')}timestamp={timestamp}&sign={signature}";
    }

    /// <summary>Robots respond with 200 to all; their body, which is short, says whether they have taken the message.</summary>
    private static async Task<string?> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(LongestResponse, cancellationToken);
            var robot = JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(cancellationToken), NotifyJson.Default.RobotResponse);
            return robot is { Code: 0 } ? null : $"it responded with errcode {robot?.Code}: {robot?.Message}";
        }
        catch (JsonException)
        {
            return "its response is no JSON";
        }
    }

    private async Task<string?> RunAsync(ReceiverOptions receiver, NotifyMessage message, CancellationToken stopping)
    {
        var start = new ChildStart([.. receiver.Command!.Select(word => word.Replace("{title}", message.Title, StringComparison.Ordinal))])
        {
            WorkingDirectory = "/",
            IsClean = true,
            User = receiver.User,
            Input = Encoding.UTF8.GetBytes($"{NotifyBodies.PlainText(message)}\n"),
            Variables = new Dictionary<string, string>
            {
                ["EDGEPROXY_EVENT"] = message.Event.ToString(),
                ["EDGEPROXY_APP"] = message.App ?? "",
                ["EDGEPROXY_TITLE"] = message.Title,
            },
        };
        var end = await runner.RunAsync(start, receiver.Timeout, stopping);
        return end.Problem is null ? null : $"{receiver.Command![0]} {end.Problem}{(end.Output is [.., var last] ? $": {last}" : "")}";
    }
}
