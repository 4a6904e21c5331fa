using System.Text.Json;
using EdgeProxy.Api;

namespace EdgeProxy.Cli;

/// <summary>What client verbs show of the proxy's JSON. Members that are not there are blank: the proxy may be of another version.</summary>
internal static class JsonText
{
    /// <exception cref="AdminUnreachableException">It is no JSON object.</exception>
    public static JsonElement ReadObject(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : throw new JsonException("not an object");
        }
        catch (JsonException e)
        {
            throw new AdminUnreachableException($"what responds there is not an EdgeProxy: {e.Message}", e);
        }
    }

    public static JsonElement? Get(JsonElement from, string name) => from.TryGetProperty(name, out var value) ? value : null;

    public static string Of(JsonElement from, string name) => Get(from, name) is { ValueKind: not JsonValueKind.Null } value ? value.ToString() : "";

    /// <summary>Columns as wide as their widest cell.</summary>
    /// <param name="rows">The heading first.</param>
    /// <param name="output">Where.</param>
    public static void WriteTable(List<string[]> rows, TextWriter output)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
