using System.Net;
using System.Text.Json;
using EdgeProxy.Api;

namespace EdgeProxy.Cli.Top;

/// <summary>What the proxy says of itself at one instant.</summary>
/// <param name="At">A time stamp of the clock.</param>
/// <param name="Status">See <see cref="StatusView"/>.</param>
/// <param name="Latency">Since the proxy started.</param>
internal sealed record TopSample(long At, JsonElement Status, LatencyBuckets Latency)
{
    public static async Task<TopSample> ReadAsync(AdminClient client, TimeProvider time, CancellationToken cancellationToken)
    {
        var status = await GetAsync(client.Of(AdminApi.Status));
        var metrics = await GetAsync(AdminApi.Metrics);
        return new TopSample(time.GetTimestamp(), JsonText.ReadObject(status), LatencyBuckets.Read(metrics));

        async Task<string> GetAsync(string path)
        {
            var response = await client.GetAsync(path, cancellationToken);
            return response.Status == HttpStatusCode.OK ? response.Body : throw client.Refusal(response);
        }
    }
}
