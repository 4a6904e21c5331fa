using System.Globalization;
using System.Text.Json.Nodes;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Values by status code, as <c>ErrorPages</c> and <c>ErrorResponses</c> have them: <c>404</c>, <c>500-599</c>.</summary>
internal static class StatusRanges
{
    /// <returns>Neighbours with one value are one range; null: there are no values.</returns>
    public static JsonObject? ToJson(SortedDictionary<int, JsonNode> known)
    {
        var json = new JsonObject();
        var ranges = new List<(int First, int Last, JsonNode Value)>();
        foreach (var (code, value) in known)
        {
            if (ranges is [.., var open] && open.Last == code - 1 && JsonNode.DeepEquals(open.Value, value))
            {
                ranges[^1] = open with { Last = code };
            }
            else
            {
                ranges.Add((code, code, value));
            }
        }

        foreach (var (first, last, value) in ranges)
        {
            json[first == last ? $"{first}" : string.Create(CultureInfo.InvariantCulture, $"{first}-{last}")] = value.DeepClone();
        }

        return json.Count > 0 ? json : null;
    }
}
