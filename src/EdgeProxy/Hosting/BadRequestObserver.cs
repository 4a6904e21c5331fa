using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Hosting;

/// <summary>Tells metrics and the access log of requests that Kestrel refuses by itself, before the pipeline: bad syntax, far too much, too slow.</summary>
/// <remarks>
/// Kestrel asks the container for a <see cref="DiagnosticSource"/> and writes this one event to it (dotnet/aspnetcore#33949). Nobody else asks for that
/// type: hosting and routing take their <see cref="DiagnosticListener"/>, a subscriber of which would cost each request. What Kestrel ends of HTTP/2 it
/// only logs.
/// </remarks>
internal sealed class BadRequestObserver : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    private readonly RequestMetrics _metrics;
    private readonly AccessLog? _log;
    private readonly PublicConnections _connections;
    private readonly TimeProvider _time;

    /// <param name="log">Null: there is none.</param>
    public BadRequestObserver(RequestMetrics metrics, AccessLog? log, ServerLog server, PublicConnections connections, TimeProvider time)
    {
        (_metrics, _log, _connections, _time) = (metrics, log, connections, time);
        server.Http2Failed = OnHttp2Failed;
    }

    public override bool IsEnabled(string name) => name == BadRequest;

    [RequiresUnreferencedCode("As the base class says. Nothing is reflected over here.")]
    public override void Write(string name, object? value)
    {
        if (value is IFeatureCollection features && features.Get<IBadRequestExceptionFeature>()?.Error is BadHttpRequestException error)
        {
            OnRefused(features, error.StatusCode);
        }
    }

    /// <summary>Also bodies that cannot be read end here, of requests that the pipeline has seen; those have their line.</summary>
    private void OnRefused(IFeatureCollection features, int status)
    {
        if (features.Get<IHttpResponseFeature>() is not { HasStarted: false } || features.Get<ObservedRequest>() is not null)
        {
            return;
        }

        var context = new DefaultHttpContext(features);
        context.Response.StatusCode = status; // Kestrel sets the same
        Record(context);
    }

    private void OnHttp2Failed(string connectionId, bool isConnection)
    {
        _metrics.Http2Failed(isConnection);
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpRequestFeature>(new HttpRequestFeature { Protocol = HttpProtocol.Http2, Method = "", RawTarget = "" });
        context.TraceIdentifier = connectionId;
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        if (_connections.ClientOf(connectionId) is IPEndPoint client)
        {
            (context.Connection.RemoteIpAddress, context.Connection.RemotePort) = (client.Address, client.Port);
        }

        Record(context);
    }

    private void Record(HttpContext context)
    {
        context.Features.Set(RefusedRequest.Instance);
        var request = new RequestRecord(context, _time.GetUtcNow(), TimeSpan.Zero, 0);
        _metrics.Record(request);
        _log?.Add(request);
    }
}
