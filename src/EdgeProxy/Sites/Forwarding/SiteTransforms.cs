using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Sites.Forwarding;

/// <summary>What the server behind a site's route sees of a request. Behind <see cref="AppTransforms"/>, which does the most of it for apps.</summary>
internal sealed class SiteTransforms(ProxiedApps apps) : ITransformProvider
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext builder)
    {
        if (builder.Route.Metadata?.ContainsKey(IRewrittenRequest.RouteMetadata) != true)
        {
            return;
        }

        if (apps.OfCluster(builder.Route.ClusterId) is null)
        {
            builder.UseDefaultForwarders = false;
            builder.AddOriginalHost();
            builder.AddRequestTransform(context =>
            {
                var target = context.HttpContext.Features.GetRequiredFeature<IRewrittenRequest>().Target;
                context.ProxyRequest.RequestUri = new Uri(context.DestinationPrefix.TrimEnd('/') + target, _asWritten);
                ForwardedFields.Set(context);
                return ValueTask.CompletedTask;
            });
        }

        builder.RequestTransforms.Add(new FieldChanges());
    }

    /// <summary>The route's changes of the header: the last word.</summary>
    private sealed class FieldChanges : RequestTransform
    {
        public override ValueTask ApplyAsync(RequestTransformContext context)
        {
            if (context.HttpContext.Features.Get<IRewrittenRequest>() is SiteRequest request)
            {
                foreach (var change in request.Fields)
                {
                    Apply(context, change);
                }
            }

            return ValueTask.CompletedTask;
        }

        private static void Apply(RequestTransformContext context, FieldChange change)
        {
            switch (change.Kind)
            {
                case FieldChangeKind.Remove when change.Name.Contains('*', StringComparison.Ordinal):
                    RemoveAll(context, change.Name);
                    break;
                case FieldChangeKind.Remove:
                    RemoveHeader(context, change.Name);
                    break;
                case FieldChangeKind.Set when change.Name.Equals(HeaderNames.Host, StringComparison.OrdinalIgnoreCase):
                    context.ProxyRequest.Headers.Host = change.Value;
                    break;
                case FieldChangeKind.Set:
                    RemoveHeader(context, change.Name);
                    AddHeader(context, change.Name, change.Value);
                    break;
                case FieldChangeKind.Add:
                case FieldChangeKind.Default when !Has(context, change.Name):
                    AddHeader(context, change.Name, change.Value);
                    break;
            }
        }

        private static void RemoveAll(RequestTransformContext context, string pattern)
        {
            var request = context.ProxyRequest;
            var names = request.Headers.NonValidated.Select(field => field.Key).Concat(request.Content?.Headers.NonValidated.Select(field => field.Key) ?? []);
            foreach (var name in names.Where(name => HeaderChanges.Means(pattern, name) && !HeaderRules.IsOfConnection(name)).ToList())
            {
                RemoveHeader(context, name);
            }
        }

        private static bool Has(RequestTransformContext context, string name) =>
            context.ProxyRequest.Headers.NonValidated.Contains(name) || context.ProxyRequest.Content?.Headers.NonValidated.Contains(name) == true;
    }
}
