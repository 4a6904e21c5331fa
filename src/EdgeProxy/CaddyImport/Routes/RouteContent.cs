using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Writes the keys of a route.</summary>
internal sealed class RouteContent(ImportRemarks remarks)
{
    /// <param name="source">What serves the request; null: nothing does.</param>
    public JsonObject Of(RouteState state, RouteEnd end, Statement? source)
    {
        var json = new JsonObject();
        var isOfPath = end.IsForwarded || end.Key == "Files" || PlaceholderText.IsOfTarget(end.Value.ToJsonString());
        if (isOfPath && state.StripPrefix is { } prefix)
        {
            json["StripPrefix"] = prefix;
        }

        if (isOfPath && state.Rewrite is { } rewrite)
        {
            json["Rewrite"] = rewrite;
        }

        if (state.BasicAuth is { } basicAuth)
        {
            json["BasicAuth"] = basicAuth.DeepClone();
        }

        SayOfFields(state, end, source);
        var changes = new FieldChanges(remarks);
        if (!end.IsSilent)
        {
            Add(json, "Headers", changes.OfResponse(state.ResponseFields, end.IsForwarded ? end.ResponseFields : null, end.Key == "Files"));
        }

        if (end.IsForwarded)
        {
            Add(json, "RequestHeaders", changes.OfRequest([.. state.RequestFields, .. end.RequestFields]));
            Add(json, "MaxRequestBodySize", state.MaxRequestBodySize is { } size ? JsonValue.Create(size) : null);
        }

        if (state.TryFilesAt is { } tries && end.Key != "Files" && !end.Beside.ContainsKey("ErrorResponses"))
        {
            remarks.Problem(tries.At,
                $"'{tries}' looks for files, and {source?.Name.Text ?? "nothing"} serves what is found; put it into a handle block with file_server");
        }

        json[end.Key] = end.Value.DeepClone();
        foreach (var (key, value) in end.Beside)
        {
            json[key] = value?.DeepClone();
        }

        return json;
    }

    private void SayOfFields(RouteState state, RouteEnd end, Statement? source)
    {
        if (state.IsPathChanged && state.ResponseFields.Where(change => change.IsLate).Concat(end.ResponseFields)
            .FirstOrDefault(change => PlaceholderText.IsOfTarget(change.Value)) is { } moving)
        {
            remarks.Problem(
                moving.At,
                    $"{moving.Field} has the path in \"{moving.Value}\", which {source?.Name.Text ?? "another line"} sees changed; write it without the path");
        }

        if (state.ResponseFields.Concat(end.ResponseFields).FirstOrDefault(
            change => change.Verb != FieldVerb.Remove && CacheFields.Has(change.Field)) is { } kept)
        {
            remarks.NoteOnce(
                kept.At,
                "caching of errors",
                $"{kept.Field} is left off EdgeProxy's own error responses (an app that is down, a file that is not there), which have 'no-store'; Caddy " +
                    "sends it with its own, so that browsers and networks keep an outage");
        }

        if (end.IsForwarded && state.ResponseFields.Find(change => change is { IsLate: false, Verb: FieldVerb.Set }) is { } beside)
        {
            remarks.NoteOnce(
                beside.At,
                "set beside the app's",
                $"{beside.Field} and other fields that header sets without 'defer' are added to what the app sends, as in Caddy; in place of Add, Set " +
                    "leaves one " +
                    "of each (Headers of the routes)");
        }
    }

    private static void Add(JsonObject json, string key, JsonNode? value)
    {
        if (value is not null)
        {
            json[key] = value;
        }
    }
}
