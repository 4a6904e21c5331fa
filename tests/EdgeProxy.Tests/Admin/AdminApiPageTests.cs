using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Admin;

/// <summary><c>docs/admin-api.md</c> is true: its requests are sent in their order, and the responses have the status and the members that it says.</summary>
public sealed partial class AdminApiPageTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_example_of_the_page_is_what_a_live_server_responds()
    {
        await using var host = await AdminHost.StartAsync();
        var page = await File.ReadAllTextAsync(Repository.File("docs/admin-api.md"), Cancellation);
        var (status, id, sent) = (200, "", 0);
        HttpResponseMessage? response = null;
        foreach (Match match in Part().Matches(page))
        {
            if (match.Groups["status"] is { Success: true } said)
            {
                status = int.Parse(said.Value, CultureInfo.InvariantCulture);
                continue;
            }

            var content = match.Groups["content"].Value;
            if (match.Groups["language"].Value == "http")
            {
                response = await SendAsync(host.BySocket, content.Replace("{id}", id, StringComparison.Ordinal));
                Assert.True(
                    (int)response.StatusCode == status, $"{content}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Cancellation)}");
                sent++;
                continue;
            }

            var body = await response!.Content.ReadAsStringAsync(Cancellation);
            if (match.Groups["language"].Value == "text")
            {
                Assert.Contains(content.Trim(), body, StringComparison.Ordinal);
                continue;
            }

            var actual = JsonNode.Parse(body)!;
            Assert.Empty(Differences(JsonNode.Parse(content)!, actual, ""));
            id = (string?)(actual as JsonObject)?["id"] ?? id;
        }

        Assert.True(sent >= 16, $"only {sent} requests were found");
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string example)
    {
        var lines = example.Split('\n', 2);
        var words = lines[0].Split(' ');
        using var request = new HttpRequestMessage(new HttpMethod(words[0]), words[1]);
        if (lines.Length == 2 && lines[1].Trim() is { Length: > 0 } body)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        return await client.SendAsync(request, Cancellation);
    }

    /// <summary>Members that are on one side only, or of another kind. What is null or empty on one side is not compared.</summary>
    private static IEnumerable<string> Differences(JsonNode? said, JsonNode? actual, string path) => (said, actual) switch
    {
        (null, _) or (_, null) => [],
        (JsonObject a, JsonObject b) => a.Select(member => member.Key).Union(b.Select(member => member.Key)).SelectMany(name =>
            !b.ContainsKey(name) ? [$"{path}/{name} is not there"]
            : !a.ContainsKey(name) ? [$"{path}/{name} is not on the page"]
            : Differences(a[name], b[name], $"{path}/{name}")),
        (JsonArray a, JsonArray b) => a.Count > 0 && b.Count > 0 ? Differences(a[0], b[0], path + "[]") : [],
        _ =>
            said.GetValueKind() == actual.GetValueKind() || (IsFlag(said) && IsFlag(actual))
                ? []
                : [$"{path} is {actual.GetValueKind()}, not {said.GetValueKind()}"],
    };

    private static bool IsFlag(JsonNode node) => node.GetValueKind() is JsonValueKind.True or JsonValueKind.False;

    [GeneratedRegex(@"\*\*(?<status>\d{3})\*\*|^```(?<language>http|json|text)\n(?<content>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Part();
}
